"""What a driver is, and what goes in and out of it. No provider here."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from botticelli.settings import Provider


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One model call. `expected_tokens` is what the narrative says that this call will take in all, or None."""

    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    json: bool = False
    expected_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted. `input_tokens` includes the cached ones."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateResponse:
    """`finish_reason` is `stop` for a whole answer, `length` for one that was cut. `cost_usd` is None when unknown."""

    text: str
    usage: Usage
    finish_reason: str = "stop"
    cost_usd: Decimal | None = None


class Driver(Protocol):
    """A model provider. One instance per process, made after the fork; `generate` is called from many threads.

    The class is made with the options of `[drivers.NAME]` and raises SettingsError for those it doesn't know.
    """

    name: str

    def claims(self, model: str) -> bool:
        """Is this bare model name (without `provider/`) one of this provider's?"""
        ...

    def rate_limits(self) -> Provider:
        """The provider's published limits, tier by tier; settings override them. `published_limits` has those that are
        shipped."""
        ...

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        """One request, without retries of its own, within the driver's own deadline.

        DriverTransient, DriverTerminal or DriverUnknown; never an exception of an SDK.
        """
        ...
