"""Decides how long a batch waits for more requests: longer, the more iterations are busy in this process.

Iterations that wait for a model don't count, since they won't write soon. An iteration takes a few milliseconds of CPU
time: two milliseconds per iteration add little to that, and save most of the cost of a transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

SECONDS_PER_ITERATION = 0.002
MAX_SECONDS = 0.05
MIN_BUSY = 16
"""Up to this many busy iterations, a batch doesn't wait."""


class BusyCounter:
    """Counts the iterations that this process performs, without those that wait for a model."""

    def __init__(self) -> None:
        self._all: deque[None] = deque()
        self._waiting: deque[None] = deque()
        """Holds an item per waiting iteration; a deque's append and pop need no lock that threads would contend for.
        """

    def busy(self) -> AbstractContextManager[None]:
        """Count an iteration as busy while the block runs."""
        return _longer(self._all)

    def waiting_for_model(self) -> AbstractContextManager[None]:
        """Count an iteration as waiting while the block runs; parallel acts of one iteration may wait at the same time."""
        return _longer(self._waiting)

    def gather_seconds(self) -> float:
        """Return how many seconds the first request of a batch may wait for others."""
        count = len(self._all) - len(self._waiting)
        return min(MAX_SECONDS, count * SECONDS_PER_ITERATION) if count > MIN_BUSY else 0.0


@contextmanager
def _longer(line: deque[None]) -> Iterator[None]:
    line.append(None)
    try:
        yield
    finally:
        line.pop()


busy_counter = BusyCounter()
"""The counter of this process."""
