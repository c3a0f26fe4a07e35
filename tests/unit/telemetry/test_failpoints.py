"""A failpoint holds one process of those that reach it, once, and nobody where none is armed."""

from __future__ import annotations

import os
import threading

from botticelli.telemetry import failpoints
from botticelli.telemetry.failpoints import POINTS, reach
from tests.support.waiting import wait_until


def test_one_of_two_is_held_until_it_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(failpoints, "_folder", str(tmp_path))
    (tmp_path / "act_recorded").touch()
    threads = [threading.Thread(target=reach, args=("act_recorded",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    reached = tmp_path / "act_recorded.reached"
    wait_until(lambda: reached.exists() and sum(thread.is_alive() for thread in threads) == 1, "one to be held")
    assert int(reached.read_text()) == os.getpid()
    reached.unlink()
    for thread in threads:
        thread.join(60)
    assert list(tmp_path.iterdir()) == []


def test_points_that_are_not_armed_hold_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(failpoints, "_folder", str(tmp_path))
    for point in POINTS:
        reach(point)
    assert list(tmp_path.iterdir()) == []
