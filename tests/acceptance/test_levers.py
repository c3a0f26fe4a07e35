"""Levers over real workers: a pause that is confirmed lets no call begin, and nothing is paid twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.narratives import narrative_text
from tests.support.processes import House
from tests.support.waiting import wait_until

DRIVER = '''
"""Writes down each call as it begins, then answers as soon as there is a file `open`."""
import os, pathlib, time
from botticelli.drivers import GenerateResponse, Usage
from botticelli.settings import Provider

HERE = pathlib.Path(__file__).parent


class GateDriver:
    name = "gate"

    def __init__(self, options=None):
        pass

    def claims(self, model):
        return False

    def rate_limits(self):
        return Provider()

    def generate(self, request):
        prompt = request.messages[-1].text
        with open(HERE / "calls", "a") as file:
            file.write(prompt + "\\n")
        while not (HERE / "open").exists():
            time.sleep(0.02)
        time.sleep(0.5)
        return GenerateResponse(text="fine", usage=Usage(3, 4))
'''
ACTS = 'one = "first {iteration}"\ntwo = "second {iteration}"'


def with_gate(house: House) -> Path:
    """The driver, installed as pip would do it; returns the file of its calls."""
    house.write("gate_driver.py", DRIVER)
    house.write("gate-1.0.dist-info/METADATA", "Name: gate\nVersion: 1.0\n")
    house.write("gate-1.0.dist-info/entry_points.txt", "[botticelli.drivers]\ngate = gate_driver:GateDriver\n")
    house.settings |= {"PYTHONPATH": str(house.folder), "BOTTICELLI_WORKER__THREADS": "25"}
    house.settings["BOTTICELLI_DEFAULT_MODEL"] = "gate/gate"
    return house.write("calls", "")


def test_after_a_confirmed_pause_no_call_begins_and_resume_pays_nothing_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = with_gate(house)
    monkeypatch.syspath_prepend(house.folder)
    house.write("n.toml", narrative_text(80, ACTS, estimated_tokens_per_iteration=100, concurrency=50))
    house.worker()
    house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()

    def begun() -> list[str]:
        return calls.read_text().splitlines()

    with house.client() as client:

        def performing() -> int:
            with client._runtime.store.transaction() as tx:
                return tx.iterations.performing(run_id)

        wait_until(lambda: len(begun()) == 50, "fifty calls that wait", 60)
        paused = house.json("runs", "pause", run_id, "--now", "--reason", "too dear", "--json")
        assert (paused["status"], paused["hold"]) == ("paused", "now")
        house.write("open", "")
        wait_until(lambda: performing() == 0, "the calls to be answered", 60)
        assert len(begun()) == 50
        assert "too dear" in client.why(run_id).says

        for at_least in (60, 110):  # in the middle of calls that come and go
            client.resume(run_id)
            wait_until(lambda least=at_least: len(begun()) >= least, f"{at_least} calls", 60)
            client.pause(run_id, now=True)
            confirmed = len(begun())
            wait_until(lambda: performing() == 0, "the calls to be answered", 60)
            assert len(begun()) == confirmed < 160

        client.resume(run_id)
        result = client.wait(run_id, timeout_seconds=120)
    shown = house.json("runs", "show", run_id, "--json")
    assert (result.status, result.successful_iterations) == ("completed", 80)
    assert Counter(begun()).most_common(1)[0][1] == 1
    assert len(begun()) == shown["ledger"]["requests"] == 160
    assert result.input_tokens + result.output_tokens == 160 * 7
    levers = [(one["lever"], one["reason"]) for one in shown["levers"]]
    assert levers == [("pause now", "too dear"), ("resume", ""), *[("pause now", ""), ("resume", "")] * 2]
