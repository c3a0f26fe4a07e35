"""Defines the driver protocol and the values that go in and out of it. Knows no provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from botticelli.settings import Provider

MediaKind = Literal["image", "audio", "video", "document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A medium of a message: either `data` (its bytes) or `url` (which the provider fetches) is set."""

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
    `expected_tokens` is the narrative's own figure for all tokens of this call, or None. `thinking` is how much the model
    may think before it answers, `service_tier` the tier that is asked for; None: the provider decides.
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
    top_p: float | None = None
    thinking: Literal["off", "low", "medium", "high"] | None = None
    service_tier: Literal["default", "flex", "priority"] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """The provider's token counts.

    `input_tokens` includes what was read from a cache (`cached_tokens`) and what was written to it
    (`cache_write_tokens`); `cache_write_long_tokens` is the part of the latter that the provider keeps for its longer
    life. `output_tokens` includes reasoning.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateResponse:
    """The answer to one model call.

    `finish_reason` is `stop` for a complete answer, `length` for a truncated one, `refused` for one that the model or
    its provider withheld, else the provider's own word, which fails the act. `cost_usd` is None when unknown.
    `warnings` say in one line each which part of the request was ignored. `usage_doubtful`: the usage is an estimate,
    because the provider's counts can't be true; None: nobody has checked, so the worker does. `reasoning` is the
    model's thinking before its answer; `text` does not include it. `service` is the service by which the provider says
    that it charges: `standard`, `batch`, `flex`, `priority` or `fast`.
    """

    text: str
    usage: Usage
    finish_reason: str = "stop"
    cost_usd: Decimal | None = None
    warnings: tuple[str, ...] = ()
    usage_doubtful: bool | None = None
    reasoning: str = ""
    service: str = "standard"


class Driver(Protocol):
    """A model provider. One instance per process, created after the fork; `generate` is called from many threads.

    The class is constructed with the options of `[drivers.NAME]` and raises SettingsError for unknown ones.
    """

    name: str

    def claims(self, model: str) -> bool:
        """Whether this bare model name (without `provider/`) belongs to this provider."""
        ...

    def rate_limits(self) -> Provider:
        """Return the provider's published limits, tier by tier; settings override them.

        `published_limits` returns the limits that ship with Botticelli.
        """
        ...

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        """Send one request, without retries of its own, within the driver's own deadline.

        Raises DriverTransient, DriverTerminal or DriverUnknown; never an exception of an SDK.
        """
        ...
