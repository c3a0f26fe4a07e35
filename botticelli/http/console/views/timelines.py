"""Places the iterations and acts of a run on one line of time, as figures of a picture that is 1,000 wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from botticelli.http.console.views.status_marks import Tone, mark_of
from botticelli.store import ActRow, Iteration, Run

WIDTH = 1000.0
LEAST_WIDTH = 4.0
"""Width of a piece that would be too thin to be seen."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One act in the picture of its iteration."""

    name: str
    tone: Tone
    left: float
    width: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One iteration: its bar, and its acts on it. `label` says the same in words."""

    iteration: Iteration
    left: float
    width: float
    pieces: tuple[Piece, ...]
    seconds: float | None
    label: str


def lanes_of(run: Run, iterations: Sequence[Iteration], acts: Mapping[int, Sequence[ActRow]]) -> list[Lane]:
    """Return a lane for each iteration, on the scale of all of them together."""
    starts = [item.started_at for item in iterations if item.started_at]
    ends = [item.finished_at or run.now for item in iterations if item.started_at]
    if not starts:
        return [Lane(item, 0, 0, (), None, f"iteration {item.number} has not started") for item in iterations]
    scale = _Scale(min(starts), max(ends))
    return [_lane(run, item, acts.get(item.number, ()), scale) for item in iterations]


@dataclass(frozen=True, slots=True)
class _Scale:
    start: datetime
    end: datetime

    def place(self, start: datetime, end: datetime) -> tuple[float, float]:
        """Return left edge and width; never outside the picture, never too thin to be seen."""
        whole = max((self.end - self.start).total_seconds(), 0.001)
        left = min(max((start - self.start).total_seconds() / whole, 0.0), 1.0) * WIDTH
        right = min(max((end - self.start).total_seconds() / whole, 0.0), 1.0) * WIDTH
        left = min(left, WIDTH - LEAST_WIDTH)
        return round(left, 1), round(max(right - left, LEAST_WIDTH), 1)


def _lane(run: Run, iteration: Iteration, acts: Sequence[ActRow], scale: _Scale) -> Lane:
    if iteration.started_at is None:
        return Lane(iteration, 0, 0, (), None, f"iteration {iteration.number} has not started")
    end = iteration.finished_at or run.now
    left, width = scale.place(iteration.started_at, end)
    pieces = tuple(_pieces(iteration.started_at, acts, scale))
    seconds = (end - iteration.started_at).total_seconds()
    parts = ", ".join(f"{piece.name} {piece.seconds:.1f} s" for piece in pieces) or "no act has ended"
    return Lane(iteration, left, width, pieces, seconds, f"iteration {iteration.number}: {parts}")


def _pieces(start: datetime, acts: Sequence[ActRow], scale: _Scale) -> list[Piece]:
    """Return the acts in the order of their ends. One without a recorded start begins where the one before ended."""
    pieces = []
    last = start
    for act in sorted((act for act in acts if act.finished_at), key=lambda act: act.finished_at or start):
        end = act.finished_at or last
        begin = min(max(act.started_at or act.drawn_at or last, start), end)
        left, width = scale.place(begin, end)
        seconds = max((end - begin) / timedelta(seconds=1), 0.0)
        pieces.append(Piece(act.name, mark_of(act.status).tone, left, width, seconds))
        last = end
    return pieces
