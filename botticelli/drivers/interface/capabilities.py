"""What a driver may have beyond the protocol, each a protocol of its own. A driver has it by having the method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, MediaKind

OnText = Callable[[str], None]
"""Is given each piece of the answer's text as it comes."""


@runtime_checkable
class CountsTokens(Protocol):
    def count_tokens(self, request: GenerateRequest) -> int | None:
        """Ask the provider for the number of input tokens.

        Input tokens by the provider's own count; None where it was not asked for (`estimate = "count"`) or can't be
        had. A request of its own, but none of the model's.
        """
        ...


@runtime_checkable
class Streams(Protocol):
    def stream(self, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        """Generate, and let `on_text` hear each piece of the answer.

        A stream that ends without saying why it ended is DriverUnknown: the answer is not whole.
        """
        ...


@runtime_checkable
class Prepares(Protocol):
    def prepare(self) -> None:
        """Prepare the process for its first call.

        Do what only the first call of a process needs (imports, a client) now: between the grant of a request and its
        arrival there must be no such delay. DriverTerminal as `generate`.
        """
        ...


@runtime_checkable
class TakesMedia(Protocol):
    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        """What may be sent to this model as bytes."""
        ...

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        """What the provider fetches by its URL itself."""
        ...


@runtime_checkable
class NamesModels(Protocol):
    def model_name(self, model: str) -> str:
        """The one name of a model for all its spellings (without `provider/`): budgets, ledger and requests use it."""
        ...


@runtime_checkable
class ReportsLimits(Protocol):
    def learned_limits(self) -> Mapping[str, Mapping[str, int]]:
        """Return the limits that the provider's last answers named.

        By model: the limits that the provider's last answers named, by the names of the settings (`rpm`, `tpm`, `itpm`,
        `otpm`).
        """
        ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a driver needs from its machine.

    `sdk_missing` says how to install it; `key_names` are the variables that may hold the key, `has_key` whether one of
    them does (None: no key is needed). `base_url` is None for the provider's own. `fault`: what is wrong with its
    variables, without their values.
    """

    sdk_missing: str | None = None
    key_names: tuple[str, ...] = ()
    has_key: bool | None = None
    base_url: str | None = None
    fault: str | None = None


@runtime_checkable
class SaysReadiness(Protocol):
    def readiness(self) -> Readiness:
        """Without a request and without importing the SDK. Never a key."""
        ...
