"""A worker that is killed between the last answer of an iteration and the iteration's end, which are written together."""

from __future__ import annotations

import pytest

from botticelli.telemetry.failpoints import Point
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

LEASE_SECONDS = "3"
POINTS: tuple[Point, ...] = ("request_settled", "acts_performed", "ticket_released", "iteration_finished")


@pytest.mark.parametrize("point", POINTS)
def test_worker_killed_around_the_end_costs_at_most_its_last_call(house: House, point: Point) -> None:
    """Before the end is committed, the call is paid once more and counted as unknown; after it, nothing is."""
    folder = house.folder / "points"
    folder.mkdir()
    house.settings |= {"BOTTICELLI_FAILPOINTS": str(folder), "BOTTICELLI_WORKER__LEASE_SECONDS": LEASE_SECONDS}
    (folder / point).touch()
    house.write("n.toml", narrative_text(1, estimated_tokens_per_iteration=100))
    worker = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    wait_until((folder / f"{point}.reached").exists, f"the worker to come to {point}")
    worker.kill()
    house.worker()
    with house.client() as client:
        result = client.wait(run_id, timeout_seconds=120)
    run = house.json("runs", "show", run_id, "--json")
    (iteration,) = run["iterations"]
    is_lost = point != "iteration_finished"
    assert (result.status, result.successful_iterations) == ("completed", 1)
    assert (iteration["attempt"], len(iteration["acts"])) == (1 + is_lost, 1)
    assert run["ledger"]["requests"] == 1 + is_lost
    assert run["ledger"]["unknown_requests"] == int(is_lost)
    assert result.output_tokens == iteration["acts"][0]["output_tokens"] > 0
