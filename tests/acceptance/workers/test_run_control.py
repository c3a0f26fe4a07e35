"""Actions over real workers: a pause that is confirmed lets no call begin, and nothing is paid twice."""

from __future__ import annotations

from collections import Counter

import pytest

from botticelli.carousel.control import run_control as moves
from tests.support.fleet.gate import with_gate
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

ACTS = 'one = "first {iteration}"\ntwo = "second {iteration}"'
SLOW_THREADS_SECONDS = 6
"""Between a worker's last look and its call, on a machine that is busy with other tests."""
UP_TO_20, UP_TO_79 = r"\w+ (1?\d|20)", r"\w+ ([1-7]?\d)"


def test_after_a_confirmed_pause_no_call_begins_and_resume_pays_nothing_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate keeps calls for later each time, so that there is something left to hold, however late the pause comes."""
    monkeypatch.setattr(moves, "CONFIRM_SECONDS", moves.BEGIN_WITHIN_SECONDS + SLOW_THREADS_SECONDS)
    gate = with_gate(house, latency_seconds=0.3)
    house.settings["BOTTICELLI_WORKER__THREADS"] = "25"
    monkeypatch.syspath_prepend(house.folder)
    house.write("n.toml", narrative_text(80, ACTS, estimated_tokens_per_iteration=100, concurrency=50))
    house.worker()
    house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    with house.client() as client:

        def performing() -> int:
            with client._runtime.store.transaction() as tx:
                return tx.iterations.performing(run_id)

        wait_until(lambda: len(gate.begun()) == 50, "fifty calls that wait")
        paused = house.json("runs", "pause", run_id, "--now", "--reason", "too dear", "--json")
        assert (paused["status"], paused["hold"]) == ("paused", "now")
        gate.open()
        wait_until(lambda: performing() == 0, "the calls to be answered")
        assert len(gate.begun()) == 50
        assert "too dear" in client.diagnose(run_id).summary

        for at_least, answered in ((60, UP_TO_20), (110, UP_TO_79)):  # in the middle of calls that come and go
            gate.open(answered)
            client.resume(run_id)
            wait_until(lambda least=at_least: len(gate.begun()) >= least, f"{at_least} calls")
            client.pause(run_id, now=True)
            confirmed = len(gate.begun())
            gate.open()
            wait_until(lambda: performing() == 0, "the calls to be answered")
            assert len(gate.begun()) == confirmed < 160

        client.resume(run_id)
        result = client.wait(run_id, timeout_seconds=240)
    shown = house.json("runs", "show", run_id, "--json")
    assert (result.status, result.successful_iterations) == ("completed", 80)
    assert Counter(gate.begun()).most_common(1)[0][1] == 1
    assert len(gate.begun()) == shown["ledger"]["requests"] == 160
    assert result.input_tokens + result.output_tokens == 80 * 100
    actions = [(action["action"], action["reason"]) for action in shown["actions"]]
    assert actions == [("pause now", "too dear"), ("resume", ""), *[("pause now", ""), ("resume", "")] * 2]
