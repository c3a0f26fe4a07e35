"""What a platform is, and what goes in and out of a bot command. No platform here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command of the catalogue.

    `repeat`: what may be done when nobody knows whether it was performed: `idempotent` ones are simply done again,
    `once` ones never. `captures` is the kind under which a success is stored in state (`channel`, `message`, ...).
    """

    name: str
    writes: bool
    repeat: Literal["idempotent", "once"] = "once"
    captures: str | None = None


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """`data` is the command's result; `captured_ids` names the ids in it, e.g. `{"channel_id": "123"}`."""

    success: bool
    message: str
    captured_ids: Mapping[str, str] = field(default_factory=dict)
    data: Any = None


class Platform(Protocol):
    """One instance per process; `execute` is called from many threads."""

    name: str
    is_rehearsal: bool
    """True when nothing outside is changed: commands are answered, not performed."""

    def spec(self, command: str) -> CommandSpec | None:
        """None for a command that the platform doesn't have."""
        ...

    def execute(self, command: str, args: Mapping[str, Any], key: str) -> CommandOutput:
        """Perform it. `key` is the same for every try of the same effect. PlatformError when it failed."""
        ...
