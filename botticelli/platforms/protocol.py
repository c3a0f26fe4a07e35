"""The protocol of a platform: its capabilities, and the input and output of bot commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from botticelli.platforms.rate_limits import Pacing

Repeat = Literal["idempotent", "nonce", "lookup", "once"]
ArgType = Literal["text", "id", "ids", "integer", "boolean", "moment", "list", "any"]
PlaceKind = Literal["guild", "channel", "thread"]
"""A category is a channel, too."""


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument of a command.

    `least` and `most` are of the number, the text's characters or the list's items. `place`: it is the id of one, which
    policies judge.
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
    """A command of the catalogue.

    `repeat`: what may be done when nobody knows whether it was performed: `idempotent` ones are simply done again;
    `nonce` and `lookup` ones after the platform was asked (`Resolves`); `once` ones never. `captures` is the kind under
    which a success is stored in state (`channel`, `message`, ...). `args` is None where anything goes. `needs`:
    permissions, for people to read. `reuses`: it takes what is there of that name. `changes`: of these arguments one at
    least has to be given, else the command would do nothing.
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
    """`data` is the command's result; `captured_ids` names the ids in it, e.g. `{"channel_id": "123"}`.

    `guild_id` is where it happened, as far as the platform knows. `deleted_ids` exist no longer. `name` is that of what
    was captured, where it has one; `metadata` is kept with it.
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
    """An effect as the ledger has it, before it is tried.

    An effect as the ledger has it, before it is tried: `repeated` when it may have been done before. `taken` are ids
    that other effects of the same command have brought: whatever is found under them is not this one's. `age_seconds`
    is that of the intent when this was made, by the ledger's clock: the clock of this machine may be hours off.
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
        """Whether it was first announced so long ago."""
        return self.age_seconds + time.monotonic() - self.made_at >= seconds

    @property
    def marker(self) -> str:
        """For an audit log; tells this effect from every other."""
        return f"botticelli run={self.run_id} act={self.act[:80]} effect={self.key}"


class Unknown(Enum):
    """The platform can't tell whether an effect was done."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Place:
    """The resources that this installation offers to its platforms. `redis` is called on first use; `pacing` is the Budget."""

    home: Path
    inline_wait_seconds: float = 5.0
    redis: Callable[[], Any] | None = None
    prefix: str = "botticelli"
    pacing: Pacing | None = None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The place of a channel. For a thread, `channel_id` and `channel_name` are those of its channel."""

    guild_id: str | None
    channel_id: str | None
    channel_name: str | None


class Platform(Protocol):
    """One instance per process; `execute` is called from many threads."""

    name: str
    is_rehearsal: bool
    """True when nothing outside is changed: commands are answered, not performed."""

    def spec(self, command: str) -> CommandSpec | None:
        """None for a command that the platform doesn't have."""
        ...

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        """Perform a command.

        `key` is the same for every try of the same effect; `announced` is its row, for commands that write.
        PlatformError when it failed, PlatformTransient when it may be tried again, PlatformUnknown when nobody knows
        whether it was done.
        """
        ...


@runtime_checkable
class Resolves(Protocol):
    """A platform that can look whether something was done."""

    def resolve(self, announced: EffectIntent) -> CommandOutput | Unknown | None:
        """Return the output of an effect of unknown outcome; None when it was not (completely) done and may be tried again."""
        ...


@runtime_checkable
class Catalogued(Protocol):
    """A platform with a fixed list of commands."""

    def commands(self) -> Mapping[str, CommandSpec]: ...

    def suggestion(self, command: str) -> str | None:
        """The command that a name which doesn't exist was probably meant to be."""
        ...


@runtime_checkable
class Verifies(Protocol):
    """A platform that can say whether something that was captured is still there."""

    def exists(self, kind: str, identity: str, metadata: Mapping[str, Any]) -> bool:
        """True as well when it can't be told."""
        ...


@runtime_checkable
class Locates(Protocol):
    """A platform that can say where a channel is."""

    def locate(self, identity: str) -> Whereabouts | None:
        """Return the guild of a channel or thread, read anew each time; None if it can't be told. Raises PlatformError."""
        ...


@runtime_checkable
class Restricts(Protocol):
    """A platform whose settings allow less than its catalogue."""

    def beyond(self, args: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """The argument that asks for more, what is wrong with it, and what to do. Values may be TEMPLATED."""
        ...


@runtime_checkable
class Closes(Protocol):
    """A platform that has connections."""

    def close(self) -> None:
        """End them; they are made anew when they are needed."""
        ...


@runtime_checkable
class Settled(Protocol):
    """A platform that needs something of its surroundings."""

    def settle_in(self, place: Place) -> None:
        """Called once, before anything else."""
        ...

    def lacks(self) -> tuple[str, str] | None:
        """Return what is missing before a command can be performed, and what to do."""
        ...

    def default_guild(self) -> str | None:
        """The guild of commands that name none."""
        ...
