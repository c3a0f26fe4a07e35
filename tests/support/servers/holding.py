"""A provider that keeps its answers back until the test lets them go."""

from __future__ import annotations

import threading

from botticelli.testing.providers import FakeProvider


class Holding(FakeProvider):
    """Answers as others do, but for calls that come after `hold` and before `let_go`. Closing lets go."""

    def __post_init__(self) -> None:
        self._passes: int | None = None
        self._changed = threading.Condition()
        super().__post_init__()

    def hold(self, passes: int = 0) -> None:
        """From now on only so many calls are answered; the others wait."""
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
