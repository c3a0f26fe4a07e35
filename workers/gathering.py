"""How long a batch waits for others to come: longer, the more iterations have something to do here. Asks for nothing.

Those that wait for a model don't come soon and don't count. The others wait for each other anyway: an iteration takes some
milliseconds of processor time, so that two for each is little beside it, and spares most of what a transaction costs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS_EACH = 0.002
MOST_SECONDS = 0.05
FEW = 8
"""So many don't wait for each other."""


class Crowd:
    """The iterations that a process performs, without those that wait for a model."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """It counts for as long as the block runs."""
        with self._changed(1):
            yield

    @contextmanager
    def one_less(self) -> Iterator[None]:
        """One that counts waits for as long as the block runs."""
        with self._changed(-1):
            yield

    def gather_seconds(self) -> float:
        """How long the first of a batch may wait for others."""
        return min(MOST_SECONDS, self._count * SECONDS_EACH) if self._count > FEW else 0.0

    @contextmanager
    def _changed(self, change: int) -> Iterator[None]:
        self._add(change)
        try:
            yield
        finally:
            self._add(-change)

    def _add(self, change: int) -> None:
        with self._lock:
            self._count += change


crowd = Crowd()
"""That of this process."""
