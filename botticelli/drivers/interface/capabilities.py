"""Optional capabilities of a driver, one protocol each. A driver has a capability by having its method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from botticelli.drivers.interface.model_parameters import ModelParameters
from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, MediaKind

OnText = Callable[[str], None]
"""Receives each piece of the answer's text as it arrives."""


@runtime_checkable
class CountsTokens(Protocol):
    def count_tokens(self, request: GenerateRequest) -> int | None:
        """Ask the provider for the number of input tokens.

        None when counting is off (`estimate = "local"`) or the count is unavailable. Sends one extra request, which
        calls no model.
        """
        ...


@runtime_checkable
class Streams(Protocol):
    def stream(self, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        """Generate, and pass each piece of the answer to `on_text`.

        Raises DriverUnknown when a stream ends without a finish reason: the answer is incomplete.
        """
        ...


@runtime_checkable
class Warmable(Protocol):
    def prepare(self) -> None:
        """Prepare the process for its first call.

        Does now what only the first call needs (imports, a client), so that it does not delay a request that was
        already granted. Raises DriverTerminal like `generate`.
        """
        ...


@runtime_checkable
class TakesMedia(Protocol):
    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        """Return the kinds of media that this model accepts as bytes."""
        ...

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        """Return the kinds of media that the provider fetches from their URL itself."""
        ...


@runtime_checkable
class KnowsParameters(Protocol):
    def parameters(self, model: str) -> ModelParameters:
        """Return which parameters this model accepts: sampling, levels of thinking, service tiers."""
        ...


@runtime_checkable
class KnowsSchemas(Protocol):
    def knows_schema(self, model: str, schema: Mapping[str, Any]) -> bool:
        """Return whether the provider holds the model to this schema of a typed answer, and tells it so.

        Where it doesn't, and for drivers without this method, the prompt shows the schema.
        """
        ...


@runtime_checkable
class NamesModels(Protocol):
    def model_name(self, model: str) -> str:
        """Return the one name of a model for all its spellings.

        Without `provider/`; budgets, ledger and requests use it.
        """
        ...


@runtime_checkable
class HasServer(Protocol):
    @property
    def server_url(self) -> str | None:
        """The URL of the server that is called, which may be that of another provider; None: the provider's own."""
        ...


@runtime_checkable
class ReportsLimits(Protocol):
    def learned_limits(self) -> Mapping[str, Mapping[str, int]]:
        """Return the limits that the provider's last answers named.

        Keyed by model, then by the names of the settings (`rpm`, `tpm`, `itpm`, `otpm`, `rpd`).
        """
        ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a driver has what it needs on this machine.

    `sdk_missing` is the command that installs the SDK; `key_names` are the variables that may hold the key, `has_key`
    whether one of them does (None: no key is needed). `base_url` is None for the provider's own server. `fault` names
    what is wrong with its variables, without their values.
    """

    sdk_missing: str | None = None
    key_names: tuple[str, ...] = ()
    has_key: bool | None = None
    base_url: str | None = None
    fault: str | None = None
    key_name: str | None = None
    """The variable whose key is used; None without a key."""


@runtime_checkable
class RecommendsModel(Protocol):
    def recommended_model(self) -> str:
        """Return the model for runs that name none: a current, low-priced one. Without `provider/`."""
        ...


@runtime_checkable
class ReportsReadiness(Protocol):
    def readiness(self) -> Readiness:
        """Report readiness without a request and without importing the SDK. Never contains a key."""
        ...


@runtime_checkable
class ReadsKey(Protocol):
    def key_fault(self) -> str | None:
        """Read the key now, also where a command prints it; return what is wrong with it, without the key."""
        ...
