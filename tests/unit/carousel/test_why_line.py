"""The one line of `runs why`: the status is said once."""

from __future__ import annotations

import pytest

from botticelli.monitoring.diagnosis import Diagnosis


@pytest.mark.parametrize(
    ("status", "says", "line"),
    [
        ("failed", "failed: the key is wrong; fix it", "failed: the key is wrong; fix it"),
        ("completed", "completed with failures: 1 x boom", "completed with failures: 1 x boom"),
        ("budget_exhausted", "budget exhausted: rpm", "budget exhausted: rpm"),
        ("paused", "paused by ada: lunch", "paused by ada: lunch"),
        ("waiting", "waiting for requests/60s", "waiting for requests/60s"),
        ("waiting", "no worker is alive", "waiting: no worker is alive"),
        ("paused", "stopped by worker a", "paused: stopped by worker a"),
    ],
)
def test_line_of_why_says_the_status_once(status: str, says: str, line: str) -> None:
    assert Diagnosis("r", status, "c", says).line == line
