"""Defines how an act and an iteration can end: outcome values, and the exceptions that leave an act early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Succeeded:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    """The iteration failed for good: retries are used up, or would not help."""

    error: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The run is ending; this iteration stopped between two acts."""


@dataclass(frozen=True, slots=True)
class Parked:
    """The wait is too long for a worker to hold: the iteration continues later, finished acts are kept."""

    wait_seconds: float
    reason: str
    retries_used: int
    waiting_for: Mapping[str, Any] | None = None
    """The scope and the window that refused, when the wait is for the budget."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The run was paused before the next call: the iteration continues after a resume, finished acts are kept."""

    retries_used: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """A decision is needed first: the run is paused, and the iteration continues when it is resumed."""

    reason: str
    retries_used: int
    waits_for: str | None = None
    """The effect that needs an approval, if that is the decision."""


@dataclass(frozen=True, slots=True)
class Capped:
    """The next call would pass the run's cap on money: the run ends, and can be resumed; finished acts are kept."""

    reason: str
    retries_used: int


Outcome = Capped | Succeeded | Failed | Cancelled | Parked | Paused | Blocked


class ActFailed(Exception):
    """Ends the act and its iteration. `error` is one line for the act row."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class ForReview(Exception):
    """Ends the iteration after an answer that was not accepted: a person reviews it, and no later act uses it."""


class ModelDown(ActFailed):
    """Ends the calls of one model, which will not answer now; another one may."""


class RedoFrom(Exception):
    """Has acts performed again, because the gate of the last of them did not accept the result. Everything is recorded."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(f"acts {start} to {end} are performed again")
        self.positions = range(start, end + 1)


class RunEnding(Exception):
    """Stops an act before its next call, because the run was cancelled or has failed elsewhere."""


class RunPaused(Exception):
    """Stops an act before its next call, because the run was paused; the iteration is handed back."""


class BlockRun(Exception):
    """Pauses the run so that it can be resumed; finished acts are kept."""

    def __init__(self, reason: str, *, waits_for: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.waits_for = waits_for


class CapReached(Exception):
    """Stops an act before a call that would pass the run's cap on money."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ParkUntil(Exception):
    """Hands the iteration back until a long wait is over."""

    def __init__(self, wait_seconds: float, reason: str, waiting_for: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.waiting_for = waiting_for
        self.wait_seconds = wait_seconds
        self.reason = reason
