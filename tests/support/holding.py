"""A provider that keeps all its answers back until the test lets them go."""

from __future__ import annotations

import threading

from botticelli.testing.providers import FakeProvider


class Holding(FakeProvider):
    """Answers nothing before `let_go` is set; closing sets it."""

    def __post_init__(self) -> None:
        self.let_go = threading.Event()
        super().__post_init__()

    def wait(self, seconds: float) -> None:
        self.let_go.wait()
        super().wait(seconds)

    def close(self) -> None:
        self.let_go.set()
        super().close()
