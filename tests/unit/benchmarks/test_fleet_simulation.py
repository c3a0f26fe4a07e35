"""The simulation of large fleets against what can be computed by hand: a part that is full sets the rate."""

from __future__ import annotations

import pytest

from benchmarks.scale.simulation import Cost, simulate

COST = Cost(worker_ms=8, postgres_ms=2, redis_ms=1)


@pytest.mark.parametrize(
    ("workers", "postgres_cores", "per_second", "fullest"),
    [(1, 8, 1000 / 8, "workers"), (16, 1, 1000 / 2, "Postgres"), (16, 8, 1000 / 1, "Redis")],
)
def test_fullest_part_sets_the_rate(workers: int, postgres_cores: int, per_second: float, fullest: str) -> None:
    outcome = simulate(COST, workers, 8, postgres_cores, seconds=4)
    assert outcome.per_second == pytest.approx(per_second, rel=0.1)
    assert (outcome.fullest, outcome.busy[fullest] > 0.97) == (fullest, True)


def test_processes_that_share_cores_add_up() -> None:
    outcome = simulate(COST, 4, 8, 2, shared=True, seconds=4)
    assert outcome.per_second == pytest.approx(2 * 1000 / (8 + 2 + 1), rel=0.1)


def test_few_threads_wait_longer_than_they_compute() -> None:
    outcome = simulate(Cost(8, 2, 1, waits_ms=89), 1, 2, 8, seconds=20)
    assert outcome.per_second == pytest.approx(2 * 1000 / 100, rel=0.15)
