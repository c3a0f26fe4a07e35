"""The clocks of the chaos tests: all of Python's are wrong alike, and the values are the usual ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.fleet.processes import House
from tests.support.fleet.wrong_clock import CLOCK, START

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


SHIFT = str(SHIFT_SECONDS)


def assert_wrong(said: str, before: float, steady: float) -> None:
    moments, monotonic, is_usual = json.loads(said)
    for moment in moments:
        assert before - 1 <= moment - SHIFT_SECONDS <= time.time() + 1
    assert steady <= monotonic <= time.monotonic()
    assert is_usual


def test_every_wall_clock_is_wrong_by_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(START)
    (tmp_path / "shift").write_text(SHIFT)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), CLOCK: str(tmp_path / "shift")}
    before, steady = time.time(), time.monotonic()
    command = [sys.executable, "-W", "ignore", "-c", LOOK]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert_wrong(said, before, steady)


def test_started_process_has_the_wrong_clocks_and_reads_its_input(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("look.py", "import sys\nexec(sys.stdin.read())\n")
    before, steady = time.time(), time.monotonic()
    environ = {CLOCK: str(house.write("shift", SHIFT)), "PYTHONWARNINGS": "ignore"}
    process = house.start(sys.executable, "-m", "look", environ=environ, stdin=subprocess.PIPE)
    assert process.popen.stdin is not None
    process.popen.stdin.write("import warnings\nwarnings.simplefilter('ignore')\n" + LOOK)
    process.popen.stdin.close()
    assert process.popen.wait(60) == 0, process.text()
    assert_wrong(process.text(), before, steady)
