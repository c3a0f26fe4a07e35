"""How soon a killed worker's work goes on, what a paused one may still do, and a Redis that loses a hundred iterations."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from botticelli.store import Iteration
from botticelli.testing.discord import FakeDiscord, serving
from tests.chaos.fleet.cluster import LEASE_SECONDS, Cluster
from tests.chaos.fleet.invariants import audit_violations, limits_passed, violations, wait_for_end
from tests.chaos.fleet.world import DAY_SECONDS, KEY, PERIOD_SECONDS, TOKEN, World, answer_to, narrative_of
from tests.support.fleet.processes import House, Process
from tests.support.servers.holding import Holding
from tests.support.waiting import at_best, slowness, wait_until

REQUESTS = 240
"""In two seconds and in a day: a hundred iterations of two calls, and little more."""
WINDOWS = [
    {"metric": "requests", "limit": REQUESTS, "period_seconds": seconds} for seconds in (PERIOD_SECONDS, DAY_SECONDS)
]


class Patient(World):
    """Its calls may be held for as long as a test wants."""

    provider: Holding

    def settings(self, tiers: Mapping[str, Any]) -> dict[str, str]:
        return super().settings(tiers) | {"BOTTICELLI_DRIVERS__OPENAI__TIMEOUT_SECONDS": "200"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Holding]:
    with Holding("openai", answer=answer_to) as provider:
        yield provider


@pytest.fixture(scope="module")
def cluster(provider: Holding, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    house = House(tmp_path_factory.mktemp("bars") / "house", rehearses=False)
    house.folder.mkdir()
    with serving(FakeDiscord(token=TOKEN)) as discord, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("DISCORD_TOKEN", TOKEN)
        made = Cluster(
            house, Patient(provider, discord), {"windows": WINDOWS}, pools=("threads", "threads"), enqueuers=1
        )
        yield made
        made.close()
        house.close()


def begun(cluster: Cluster, tag: str, **carousel: object) -> str:
    cluster.house.write(f"narratives/{tag}.toml", narrative_of(tag, f"gpt-6-luna-{tag}", 1, **carousel))
    return cluster.enqueue(0, tag, wire=False)


def first(cluster: Cluster, run_id: str) -> Iteration:
    """Once it is admitted, which comes after the run is there."""

    def admitted() -> list[Iteration]:
        with cluster.runtime.store.transaction() as tx:
            return tx.iterations.of_run(run_id)

    return wait_until(admitted, "the iteration")[0]


def held_by(cluster: Cluster, run_id: str) -> tuple[Process, int]:
    """The worker that performs it, and which attempt that is."""

    def taken() -> Iteration | None:
        iteration = first(cluster, run_id)
        return iteration if iteration.status == "running" and iteration.worker else None

    iteration = wait_until(taken, "a worker to take it")
    assert iteration is not None
    return cluster.of_pid(int(str(iteration.worker).rpartition(":")[2])), iteration.attempt


def test_a_killed_worker_s_iteration_goes_on_within_its_lease_and_five_seconds(
    cluster: Cluster, provider: Holding
) -> None:
    tags = iter(("killed", "killed-again", "killed-thrice", "killed-at-last"))
    assert at_best(lambda: seconds_to_go_on(cluster, provider, next(tags)) < LEASE_SECONDS + 5 * slowness())


def seconds_to_go_on(cluster: Cluster, provider: Holding, tag: str) -> float:
    provider.hold()
    run_id = begun(cluster, tag)
    wait_until(lambda: cluster.world.calls(f"gpt-6-luna-{tag}"), "the call")
    victim, attempt = held_by(cluster, run_id)
    os.killpg(victim.pid, signal.SIGKILL)
    died = time.monotonic()
    provider.let_go()
    wait_until(lambda: first(cluster, run_id).attempt > attempt, "the next attempt")
    seconds = time.monotonic() - died
    wait_for_end(cluster.runtime, run_id)
    assert violations(cluster.runtime, cluster.world, run_id, tag) == []
    assert 3 <= cluster.world.answered(tag).total() <= 1 + first(cluster, run_id).attempt
    cluster.kill(victim)
    return seconds


def test_a_worker_that_wakes_after_its_lease_does_nothing_more_and_says_so(cluster: Cluster, provider: Holding) -> None:
    provider.hold()
    run_id = begun(cluster, "paused")
    wait_until(lambda: cluster.world.calls("gpt-6-luna-paused"), "the call")
    victim, _ = held_by(cluster, run_id)
    with cluster.stopped(victim):
        provider.let_go()
        wait_for_end(cluster.runtime, run_id)
        calls, requests = len(cluster.world.calls("gpt-6-luna-paused")), len(cluster.world.discord.requests)
    said = f"iteration_taken_over run={run_id} iteration=1"
    wait_until(lambda: said in victim.text(), "the worker to say so")
    assert (len(cluster.world.calls("gpt-6-luna-paused")), len(cluster.world.discord.requests)) == (calls, requests)
    assert violations(cluster.runtime, cluster.world, run_id, "paused") == []


def dispatched(cluster: Cluster, run_id: str) -> int:
    with cluster.runtime.store.transaction() as tx:
        return tx.runs.get(run_id).dispatched


def test_a_redis_that_loses_a_hundred_iterations_in_flight_costs_none_and_passes_no_limit(
    cluster: Cluster, provider: Holding
) -> None:
    model, policy = "gpt-6-luna-flushed", "wait"
    text = narrative_of("flushed", model, 100, concurrency=100, on_budget_exhausted=policy)
    cluster.house.write("narratives/flushed.toml", text)
    provider.hold(passes=10)
    run_id = cluster.enqueue(0, "flushed", wire=False)
    wait_until(lambda: len(cluster.world.calls(model)) > 10, "ten calls, and one that waits")
    wait_until(lambda: dispatched(cluster, run_id) == 100, "all to be admitted")
    with cluster.runtime.store.transaction() as tx:
        assert tx.iterations.open(run_id).in_flight > 80
    cluster.flush_redis()
    provider.let_go()
    wait_for_end(cluster.runtime, run_id)
    assert violations(cluster.runtime, cluster.world, run_id, "flushed") == []
    passed, _ = limits_passed(cluster.runtime, cluster.world, model, REQUESTS, REQUESTS)
    with cluster.runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
    assert passed + audit_violations(cluster.runtime, run.created_at) == []
    assert run.succeeded == 100
