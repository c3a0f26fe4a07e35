"""The keeper is is_interrupted to end by a signal, which may come wherever it stands."""

from __future__ import annotations

import signal
import time

from botticelli.services.supervisor import StopRequest
from tests.support.interrupts import everywhere, is_interrupted_at


def test_signal_may_come_at_each_line_of_a_wait() -> None:
    def is_stopped_at(line: int) -> bool:
        with StopRequest() as request:
            is_interrupted = is_interrupted_at(line, lambda: request.wait(0.001))
            assert request.is_made == is_interrupted
        return is_interrupted

    assert everywhere(is_stopped_at) >= 1


def test_signal_ends_a_wait_at_once() -> None:
    with StopRequest() as request:
        signal.raise_signal(signal.SIGTERM)
        before = time.monotonic()
        request.wait(60)
        assert time.monotonic() - before < 30
