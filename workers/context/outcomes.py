"""How an act and an iteration can end. Values and the two signals that leave an act early; no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Succeeded:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    """Finally: retries are used up, or would not help."""

    error: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The run is ending; this iteration stopped between two acts."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The wait is longer than a worker should sit through: the iteration goes on later, finished acts are kept."""

    wait_seconds: float
    reason: str
    retries_used: int
    waiting_for: Mapping[str, Any] | None = None
    """The scope and the window that refused, if it was the Budget that did."""


@dataclass(frozen=True, slots=True)
class Held:
    """The run was paused before the next call: the iteration goes on after a resume, finished acts are kept."""

    retries_used: int


@dataclass(frozen=True, slots=True)
class Halted:
    """A person has to say something first: the run is paused, and the iteration goes on when it is resumed."""

    reason: str
    retries_used: int
    waits_for: str | None = None
    """The effect that may be performed or not, if that is what has to be said."""


Outcome = Succeeded | Failed | Cancelled | GivenBack | Held | Halted


class ActFailed(Exception):
    """Ends the act, and with it the iteration. `error` is one line for the act row."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class RunEnding(Exception):
    """The run was cancelled or has failed elsewhere: stop before the next call."""


class RunHeld(Exception):
    """Somebody paused the run: give the iteration back before the next call."""


class Halt(Exception):
    """Stop the run so that it can be resumed, and keep what is done."""

    def __init__(self, reason: str, *, waits_for: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.waits_for = waits_for


class LongWait(Exception):
    """Give the iteration back until the wait is over."""

    def __init__(self, wait_seconds: float, reason: str, waiting_for: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.waiting_for = waiting_for
        self.wait_seconds = wait_seconds
        self.reason = reason
