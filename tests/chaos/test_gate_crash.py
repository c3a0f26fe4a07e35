"""A worker that is killed between two attempts at an answer, or right after the accepted one."""

from __future__ import annotations

import pytest

from botticelli.telemetry.failpoints import Point
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

LEASE_SECONDS = "3"
ACTS = """
[acts.draft]
prompt = "Write."
checks = { must_match = "not accepted" }
output_var = "draft"
[acts.end]
prompt = "Say goodbye."
"""
"""The echo's second answer begins with the reasons why the first one was not accepted."""


@pytest.mark.parametrize("point", ["attempt_rejected", "act_recorded"])
def test_worker_killed_between_attempts_pays_no_answer_again(house: House, point: Point) -> None:
    folder = house.folder / "points"
    folder.mkdir()
    house.settings |= {"BOTTICELLI_FAILPOINTS": str(folder), "BOTTICELLI_WORKER__LEASE_SECONDS": LEASE_SECONDS}
    (folder / point).touch()
    house.write("n.toml", narrative_text(1, ACTS))
    worker = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    wait_until((folder / f"{point}.reached").exists, f"the worker to come to {point}")
    worker.kill()
    house.worker()
    with house.client() as client:
        result = client.wait(run_id, timeout_seconds=120)
    run = house.json("runs", "show", run_id, "--json")
    (iteration,) = run["iterations"]
    assert result.status == "completed"
    assert [(act["name"], act["attempt"], act["status"]) for act in iteration["acts"]] == [
        ("draft", 1, "rejected"),
        ("draft", 2, "done"),
        ("end", 1, "done"),
    ]
    assert (run["ledger"]["requests"], run["ledger"]["unknown_requests"]) == (3, 0)
    assert result.output_tokens == sum(act["output_tokens"] for act in iteration["acts"])
