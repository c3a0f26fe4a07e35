"""Defines the protocol of a platform: required methods, optional capabilities, input and output of bot commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from botticelli.platforms.rate_limits import RateLimiter

Repeat = Literal["idempotent", "nonce", "lookup", "once"]
ArgType = Literal["text", "id", "ids", "integer", "boolean", "moment", "list", "any"]
PlaceKind = Literal["guild", "channel", "thread"]
"""Kinds of places that policies judge. A category counts as a channel."""


@dataclass(frozen=True, slots=True)
class Arg:
    """Describes one argument of a command.

    `least` and `most` bound a number, the characters of a text or the items of a list. `place` is set if the argument is
    the id of a place, which policies judge.
    """

    type: ArgType
    required: bool = False
    least: int | None = None
    most: int | None = None
    choices: tuple[str | int, ...] = ()
    aliases: tuple[str, ...] = ()
    default: Any = None
    meaning: str = ""
    place: PlaceKind | None = None


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """Describes one command of the catalogue.

    `repeat` tells what is safe when the outcome is unknown: an `idempotent` command is performed again, a `nonce` or
    `lookup` command only after `Resolves` has looked, a `once` command never. `captures` is the kind under which the
    created id is stored in state (`channel`, `message`, ...). `args` is None if any arguments are accepted. `needs` names
    permissions, for people. `reuses`: the command returns an existing object of that name. `changes`: at least one of
    these arguments must be given, or the command would change nothing.
    """

    name: str
    writes: bool
    repeat: Repeat = "once"
    captures: str | None = None
    args: Mapping[str, Arg] | None = None
    needs: tuple[str, ...] = ()
    reuses: bool = False
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """Holds the result of a command.

    `data` is the answer; `captured_ids` are the created ids in it, such as `{"channel_id": "123"}`. `guild_id` is where it
    happened, if the platform knows. `deleted_ids` no longer exist. `name` and `metadata` are stored with a captured id.
    """

    success: bool
    message: str
    captured_ids: Mapping[str, str] = field(default_factory=dict)
    data: Any = None
    guild_id: str | None = None
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    deleted_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EffectIntent:
    """Holds an effect as recorded in Postgres before it is attempted.

    `repeated`: it may have been performed before. `taken` are ids created by other effects of the same command, so an
    object with such an id isn't this effect's. `age_seconds` is the age of the record by Postgres's clock, since the clock
    of this machine may be wrong.
    """

    key: str
    command: str
    args: Mapping[str, Any]
    run_id: str
    act: str
    intended_at: datetime
    repeated: bool = False
    taken: frozenset[str] = frozenset()
    age_seconds: float = 0.0
    made_at: float = field(default_factory=time.monotonic, compare=False)

    def is_older_than(self, seconds: float) -> bool:
        """Return whether the intent was recorded at least `seconds` ago."""
        return self.age_seconds + time.monotonic() - self.made_at >= seconds


class Unknown(Enum):
    """Marks that the platform can't tell whether an effect was performed."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class PlatformContext:
    """Holds what this installation offers its platforms.

    `redis` makes a client on first use; `limiter` is the Budget; `inline_wait_seconds` is the longest wait inside a call.
    """

    home: Path
    inline_wait_seconds: float = 5.0
    redis: Callable[[], Any] | None = None
    prefix: str = "botticelli"
    limiter: RateLimiter | None = None


@dataclass(frozen=True, slots=True)
class ChannelLocation:
    """Locates a channel. For a thread, `channel_id` and `channel_name` are those of its parent channel."""

    guild_id: str | None
    channel_id: str | None
    channel_name: str | None


class Platform(Protocol):
    """Performs commands. A process has one instance, whose methods are called from many threads."""

    name: str
    is_rehearsal: bool
    """True if commands are answered without changing anything outside."""

    def spec(self, command: str) -> CommandSpec | None:
        """Return the description of a command, or None if the platform doesn't have it."""
        ...

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        """Perform a command.

        `key` is the same for every attempt of one effect; `announced` is its record, for commands that write. Raises
        PlatformError if it failed, PlatformTransient if it may be tried again, PlatformUnknown if the outcome is unknown.
        """
        ...


@runtime_checkable
class Resolves(Protocol):
    """Can look up whether an effect was performed."""

    def resolve(self, announced: EffectIntent) -> CommandOutput | Unknown | None:
        """Return the output of an effect of unknown outcome, or None if it was not completed and may be tried again."""
        ...


@runtime_checkable
class Catalogued(Protocol):
    """Has a fixed list of commands."""

    def commands(self) -> Mapping[str, CommandSpec]: ...

    def suggestion(self, command: str) -> str | None:
        """Return the existing command that an unknown name most resembles, or None."""
        ...


@runtime_checkable
class Verifies(Protocol):
    """Can check whether a captured object still exists."""

    def exists(self, kind: str, identity: str, metadata: Mapping[str, Any]) -> bool:
        """Return False only if the object certainly no longer exists."""
        ...


@runtime_checkable
class Locates(Protocol):
    """Can locate a channel."""

    def locate(self, identity: str) -> ChannelLocation | None:
        """Return the guild of a channel or thread, read anew each time, or None if unknown. Raises PlatformError."""
        ...


@runtime_checkable
class Restricted(Protocol):
    """Has settings that allow less than its catalogue."""

    def violation(self, args: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """Return the first argument that exceeds the settings, the problem and the remedy; None if there is none.

        Values may be TEMPLATED.
        """
        ...


@runtime_checkable
class Messages(Protocol):
    """Can write messages of Botticelli's own, which are no effect of a run."""

    def post_message(self, channel_id: str, body: Mapping[str, Any], nonce: str) -> str:
        """Write a message and return its id; the same nonce again, soon, is the same message. Raises PlatformError."""
        ...

    def edit_message(self, channel_id: str, message_id: str, body: Mapping[str, Any]) -> bool:
        """Change a message; False when it does not exist any more. Raises PlatformError."""
        ...


@runtime_checkable
class Closes(Protocol):
    """Holds connections."""

    def close(self) -> None:
        """Close them; they are opened again on demand."""
        ...


@runtime_checkable
class Configurable(Protocol):
    """Needs resources of the installation."""

    def configure(self, place: PlatformContext) -> None:
        """Receive the resources. Called once, before any other method."""
        ...

    def missing_requirement(self) -> tuple[str, str] | None:
        """Return what is missing before commands can be performed and the remedy, or None."""
        ...

    def default_guild(self) -> str | None:
        """Return the guild of commands that name none, or None."""
        ...
