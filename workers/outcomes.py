"""How an act and an iteration can end. Values and the two signals that leave an act early; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass


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


Outcome = Succeeded | Failed | Cancelled | GivenBack


class ActFailed(Exception):
    """Ends the act, and with it the iteration. `error` is one line for the act row."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class RunEnding(Exception):
    """The run was cancelled or has failed elsewhere: stop before the next call."""


class LongWait(Exception):
    """Give the iteration back until the wait is over."""

    def __init__(self, wait_seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
        self.reason = reason
