"""`botticelli metrics` as a process of its own: it answers until it is told to end."""

from __future__ import annotations

import re
import signal
from urllib.request import urlopen

import pytest

from tests.support.fleet.processes import BIN, House
from tests.support.waiting import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_metrics_are_served_until_a_signal(house: House, number: signal.Signals) -> None:
    serving = house.start(str(BIN / "botticelli"), "metrics", "--port", "0")
    address = wait_until(lambda: re.search(r"metrics at (http://\S+)", serving.text()), "the address")[1]
    for _ in range(2):
        with urlopen(address) as answer:
            assert b"botticelli_" in answer.read()
    serving.popen.send_signal(number)
    assert serving.popen.wait(120) == 0, serving.text()
    assert "Traceback" not in serving.text()
