"""The clocks of the chaos tests: all of Python's are wrong alike, and the values are the usual ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.fleet.wrong_clock import START

SHIFT_SECONDS = -7200
LOOK = """
import datetime, json, time
utc = datetime.UTC
now = datetime.datetime.now(utc)
moments = [time.time(), time.time_ns() / 1e9, now.timestamp(), datetime.datetime.now(tz=utc).timestamp(),
           datetime.datetime.now().timestamp(), datetime.datetime.utcnow().replace(tzinfo=utc).timestamp(),
           datetime.datetime.today().timestamp()]
print(json.dumps([moments, time.monotonic(), type(now) is datetime.datetime]))
"""


def test_every_wall_clock_is_wrong_by_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(START)
    (tmp_path / "shift").write_text(str(SHIFT_SECONDS))
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "BOTTICELLI_TEST_CLOCK": str(tmp_path / "shift")}
    before, steady = time.time(), time.monotonic()
    command = [sys.executable, "-W", "ignore", "-c", LOOK]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    moments, monotonic, is_usual = json.loads(said)
    for moment in moments:
        assert before - 1 <= moment - SHIFT_SECONDS <= time.time() + 1
    assert steady <= monotonic <= time.monotonic()
    assert is_usual
