"""Many runs enqueued at once: each starts in its turn, and the sweep has nothing to do with it."""

from __future__ import annotations

import os
import time

import pytest
from sqlalchemy import text

from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

BURST = int(os.environ.get("BURST") or 5000)
SIZES = (
    pytest.param(40, id="short"),
    pytest.param(BURST, id="long", marks=(pytest.mark.long, pytest.mark.timeout(120 + BURST // 5))),
)
THREADS = 4
MOST_PASSED = 3 * THREADS
"""Places by which threads that store and start runs beside each other may change their order, twice."""
STARTS = text(
    "select runs.id, iterations.publishes from iterations join runs on runs.id = iterations.run_id"
    " where runs.status = 'completed' order by iterations.started_at"
)


@pytest.mark.parametrize("runs", SIZES)
def test_runs_enqueued_at_once_start_oldest_first_and_none_by_the_sweep(house: House, runs: int) -> None:
    short = narrative_text(1, name="short")
    with house.client() as client:
        began = time.monotonic()
        ids = [client.enqueue(text=short).id for _ in range(runs)]
        enqueued = time.monotonic()
        worker = house.worker("--concurrency", str(THREADS))
        engine = client._runtime.store.engine

        def starts() -> list[tuple[str, int]]:
            with engine.connect() as connection:
                return [(run_id, publishes) for run_id, publishes in connection.execute(STARTS)]

        wait_until(lambda: len(starts()) == runs, "all runs to be completed", 60 + runs / 5)
        done = time.monotonic()
    print(f"{runs / (enqueued - began):.0f} enqueues/s, {runs / (done - enqueued):.0f} runs/s with the worker's start")
    place = {run_id: number for number, run_id in enumerate(ids)}
    passed = [abs(place[run_id] - number) for number, (run_id, _) in enumerate(starts())]
    assert max(passed) <= MOST_PASSED
    assert {publishes for _, publishes in starts()} == {1}, "no message was published again"
    assert worker.stop() == 0
