"""How long a batch waits for others to come: longer, the more iterations have something to do here. Asks for nothing.

Those that wait for a model don't come soon and don't count. The others wait for each other anyway: an iteration takes some
milliseconds of processor time, so that two for each is little beside it, and spares most of what a transaction costs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

SECONDS_EACH = 0.002
MOST_SECONDS = 0.05
FEW = 16
"""So many don't wait for each other."""


class Crowd:
    """The iterations that a process performs, without those that wait for a model."""

    def __init__(self) -> None:
        self._all: deque[None] = deque()
        self._waiting: deque[None] = deque()
        """As long as there are of them: adding and taking away need no lock, before which all threads would stand."""

    def one_more(self) -> AbstractContextManager[None]:
        """It counts for as long as the block runs."""
        return _longer(self._all)

    def one_less(self) -> AbstractContextManager[None]:
        """One that counts waits for as long as the block runs. Of acts side by side several may wait for one iteration."""
        return _longer(self._waiting)

    def gather_seconds(self) -> float:
        """How long the first of a batch may wait for others."""
        count = len(self._all) - len(self._waiting)
        return min(MOST_SECONDS, count * SECONDS_EACH) if count > FEW else 0.0


@contextmanager
def _longer(line: deque[None]) -> Iterator[None]:
    line.append(None)
    try:
        yield
    finally:
        line.pop()


crowd = Crowd()
"""That of this process."""
