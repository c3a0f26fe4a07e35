"""Checks the table `[drivers.NAME]` and defines the options that all SDK drivers share. Calls nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from botticelli.drivers.interface.protocol import GenerateRequest
from botticelli.errors import SettingsError
from botticelli.settings import did_you_mean, http_url, in_plain_words
from botticelli.settings.seconds import Seconds
from botticelli.settings.sources.secret_command import split_command

Options = TypeVar("Options", bound=BaseModel)


def _variable_name(name: str) -> str:
    """Refuse a value that is the key itself instead of a variable's name, without showing it."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
        raise ValueError("must be the name of an environment variable, not a key")
    return name


def _command(value: Any) -> Any:
    """Split a command that is written as one text; a list is taken word by word."""
    return split_command(value) if isinstance(value, str) else value


class SdkOptions(BaseModel):
    """Options of every driver that uses an SDK."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Annotated[str, AfterValidator(http_url)] | None = None
    """Another server that speaks the provider's protocol. It may need no key."""
    api_key_env: Annotated[str, AfterValidator(_variable_name)] | None = None
    """Name of the environment variable that holds the key. The key itself is never a setting."""
    api_key_command: Annotated[tuple[str, ...], BeforeValidator(_command)] = ()
    """Command that prints the key, run without a shell when the key is needed, and again when the provider refuses it."""
    timeout_seconds: Seconds = Field(default=120, gt=0)
    """Limit for the whole answer, and for every single wait for a part of it."""
    flex_timeout_seconds: Seconds = Field(default=900, gt=0)
    """The same limit for calls of the service tier flex, which wait until the provider has room for them."""
    connect_timeout_seconds: Seconds = Field(default=10, gt=0)
    max_connections: int = Field(default=1000, ge=1)
    """Limit per worker process; a connection is opened when a call needs it. Fewer than the worker's threads make
    calls wait."""
    estimate: Literal["local", "count"] = "local"
    """`count`: ask the provider for the token count of a request, where it offers one."""
    stream: bool | None = None
    """Stream the answer, so that it is visible while it grows. Unset: only from the provider's own server."""
    accepted_finish_reasons: tuple[str, ...] = ()
    """Further finish reasons, in the provider's words, that count as a complete answer. Others fail the act."""

    @model_validator(mode="after")
    def _one_source_of_the_key(self) -> Self:
        if self.api_key_env and self.api_key_command:
            raise ValueError("api_key_env and api_key_command are both set; remove one of them")
        return self

    def call_seconds(self, request: GenerateRequest) -> float:
        """Return the limit for the answer to a request."""
        is_flex = request.service_tier == "flex"
        return max(self.timeout_seconds, self.flex_timeout_seconds) if is_flex else self.timeout_seconds


def checked_options(kind: type[Options], name: str, options: Mapping[str, Any] | None) -> Options:
    """Check the options of a driver.

    Raises SettingsError for the first key that is unknown or wrong; names the key, never the value.
    """
    try:
        return kind.model_validate(dict(options or {}))
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        path = ("drivers", name, *detail["loc"])
        key = ".".join(map(str, path))
        if detail["type"] == "extra_forbidden":
            raise SettingsError(f"unknown setting {key}", path=path, do=_instead(kind, str(path[-1]))) from None
        raise SettingsError(f"{key}: {in_plain_words(detail['msg'])}", path=path, do=_known(kind)) from None


def _instead(kind: type[BaseModel], name: str) -> str:
    if name == "api_key":
        return "a key is never a setting: put it into an environment variable, and name that with api_key_env"
    return did_you_mean(name, list(kind.model_fields)) or _known(kind)


def _known(kind: type[BaseModel]) -> str:
    return f"known keys: {', '.join(kind.model_fields)}"
