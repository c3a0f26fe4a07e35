"""A worker that is killed, or stands still, between an iteration's last answer and its thread's next iteration.

The last answer, the end and the next admission are written together; the next iteration is claimed then, and in no queue.
"""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.telemetry.failpoints import Point
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

LEASE_SECONDS = "3"
POINTS: tuple[tuple[Point, int], ...] = (
    ("request_settled", 1),
    ("acts_performed", 1),
    ("iteration_ending", 1),
    ("ticket_released", 1),
    ("ticket_released", 2),
    ("iteration_finished", 1),
)
"""Points around the end of a run's first iteration, and how many the run has: with two, the end reserves for the second."""
BEFORE_NEXT = "before_ack"
"""The point where the end is committed, with the admission and the claim of the next iteration, which is in no queue."""


@pytest.mark.parametrize(("point", "iterations"), POINTS)
def test_worker_killed_around_the_end_costs_at_most_its_last_call(house: House, point: Point, iterations: int) -> None:
    """Before the end is committed, the call is paid once more and counted as unknown; after it, nothing is."""
    folder = house.folder / "points"
    folder.mkdir()
    house.settings |= {"BOTTICELLI_FAILPOINTS": str(folder), "BOTTICELLI_WORKER__LEASE_SECONDS": LEASE_SECONDS}
    (folder / point).touch()
    house.write("n.toml", narrative_text(iterations, concurrency=1, estimated_tokens_per_iteration=100))
    worker = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    wait_until((folder / f"{point}.reached").exists, f"the worker to come to {point}")
    worker.kill()
    house.worker()
    with house.client() as client:
        result = client.wait(run_id, timeout_seconds=120)
    run = house.json("runs", "show", run_id, "--json")
    iteration, *others = run["iterations"]
    is_lost = point != "iteration_finished"
    assert (result.status, result.successful_iterations) == ("completed", iterations)
    assert (iteration["attempt"], len(iteration["acts"])) == (1 + is_lost, 1)
    assert [(other["attempt"], len(other["acts"])) for other in others] == [(1, 1)] * (iterations - 1)
    assert run["ledger"]["requests"] == iterations + is_lost
    assert run["ledger"]["unknown_requests"] == int(is_lost)
    assert result.output_tokens == sum(each["acts"][0]["output_tokens"] for each in run["iterations"]) > 0


@pytest.fixture
def held_run(house: House) -> str:
    """A run of which a worker has ended the first iteration; the thread that goes on with the second is held."""
    folder = house.folder / "points"
    folder.mkdir()
    house.settings |= {
        "BOTTICELLI_FAILPOINTS": str(folder),
        "BOTTICELLI_WORKER__LEASE_SECONDS": LEASE_SECONDS,
        "BOTTICELLI_WORKER__SWEEP_INTERVAL_SECONDS": "0.3",
    }
    (folder / BEFORE_NEXT).touch()
    house.write("n.toml", narrative_text(3, concurrency=1, estimated_tokens_per_iteration=100))
    house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    wait_until((folder / f"{BEFORE_NEXT}.reached").exists, f"the worker to come to {BEFORE_NEXT}")
    return run_id


def ended(house: House, run_id: str) -> dict[str, Any]:
    with house.client() as client:
        result = client.wait(run_id, timeout_seconds=120)
    assert (result.status, result.successful_iterations) == ("completed", 3)
    run: dict[str, Any] = house.json("runs", "show", run_id, "--json")
    return run


def assert_performed_once(run: dict[str, Any]) -> None:
    """The second iteration is claimed with the end of the first; that claim was lost, and nothing was paid for it."""
    iterations = [(each["number"], each["attempt"], len(each["acts"])) for each in run["iterations"]]
    assert iterations == [(1, 1, 1), (2, 2, 1), (3, 1, 1)]
    assert (run["ledger"]["requests"], run["ledger"]["unknown_requests"]) == (3, 0)


def test_worker_killed_before_it_goes_on_loses_no_iteration(house: House, held_run: str) -> None:
    house.started[0].kill()
    house.worker()
    assert_performed_once(ended(house, held_run))


def test_iteration_that_others_performed_meanwhile_is_not_performed_again(house: House, held_run: str) -> None:
    """The held thread is late: its lease has run out, and another thread has performed the iteration."""
    assert_performed_once(ended(house, held_run))
    (house.folder / "points" / f"{BEFORE_NEXT}.reached").unlink()
    late = f"iteration_taken_over run={held_run} iteration=2"
    wait_until(lambda: late in house.started[0].text(), "the held thread to find its iteration taken over")
    assert_performed_once(ended(house, held_run))
