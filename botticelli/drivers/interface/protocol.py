"""What a driver is, and what goes in and out of it. No provider here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from botticelli.settings import Provider

MediaKind = Literal["image", "audio", "video", "document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Exactly one of `data` (the bytes themselves) and `url` (which the provider fetches) is set."""

    kind: MediaKind
    mime: str
    data: bytes | None = None
    url: str | None = None
    filename: str | None = None

    def __post_init__(self) -> None:
        if (self.data is None) == (self.url is None):
            raise ValueError("media needs either data or url")


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["user", "assistant"]
    text: str
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One model call.

    `json` asks for JSON; `json_schema` is the JSON Schema it must follow, where the provider has such a mode.
    `expected_tokens` is what the narrative says that this call will take in all, or None.
    """

    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    json: bool = False
    expected_tokens: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted. `input_tokens` includes the cached ones, `output_tokens` those of its reasoning."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateResponse:
    """The answer to one model call.

    `finish_reason` is `stop` for a whole answer, `length` for one that was cut, `refused` for one that the model or its
    provider didn't give, else a word of the provider's: such an answer fails its act. `cost_usd` is None when unknown.
    `warnings` say in a line each what was not done as it was asked. `usage_doubtful`: the usage is an estimate, because
    the provider's can't be true; None: nobody has looked, so the worker does. `reasoning` is what the model thought
    before it answered; it is no part of `text`.
    """

    text: str
    usage: Usage
    finish_reason: str = "stop"
    cost_usd: Decimal | None = None
    warnings: tuple[str, ...] = ()
    usage_doubtful: bool | None = None
    reasoning: str = ""


class Driver(Protocol):
    """A model provider. One instance per process, made after the fork; `generate` is called from many threads.

    The class is made with the options of `[drivers.NAME]` and raises SettingsError for those it doesn't know.
    """

    name: str

    def claims(self, model: str) -> bool:
        """Whether this bare model name (without `provider/`) is one of this provider's."""
        ...

    def rate_limits(self) -> Provider:
        """Return the provider's published limits, tier by tier; settings override them.

        `published_limits` has those that are shipped.
        """
        ...

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        """One request, without retries of its own, within the driver's own deadline.

        DriverTransient, DriverTerminal or DriverUnknown; never an exception of an SDK.
        """
        ...
