"""Runs a fake provider that holds its answers until the test releases them."""

from __future__ import annotations

import threading

from botticelli.testing.providers import FakeProvider


class Holding(FakeProvider):
    """Answers normally, except calls between `hold` and `let_go`, which wait. Closing releases them."""

    def __post_init__(self) -> None:
        self._passes: int | None = None
        self._changed = threading.Condition()
        super().__post_init__()

    def hold(self, passes: int = 0) -> None:
        """Answer only `passes` more calls; the others wait."""
        with self._changed:
            self._passes = passes

    def let_go(self) -> None:
        with self._changed:
            self._passes = None
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._passes != 0)
            if self._passes is not None:
                self._passes -= 1
        super().wait(seconds)

    def close(self) -> None:
        self.let_go()
        super().close()
