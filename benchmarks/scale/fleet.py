"""Measures fleets of workers that this machine can hold, and simulates larger ones from the cost of an iteration."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event
from typing import Any

from sqlalchemy import text

from benchmarks.carousel import worker
from benchmarks.profile_iteration import Counts, Fleet
from benchmarks.scale.operations import enqueued, sweep
from benchmarks.scale.simulation import Cost, simulate
from botticelli.client import Client
from botticelli.runtime.heartbeats import live_workers
from botticelli.runtime.process import Runtime

WAIT_SECONDS = 1800
RUNS, IN_FLIGHT = 4, 16
THREADS = 16
LARGER_FLEETS = (1, 2, 4, 8, 16, 32)
POSTGRES_CORES = (2, 4, 8)
MANY_SWEEPS = 20
WAIT = text(
    "update runs set status = 'waiting', due_at = now() + interval '1 hour',"
    """ waiting_for = '{"scope": "echo/echo@default", "window": "requests a minute"}' where id = any(:ids)"""
)


def measure_fleet(runtime: Runtime, workers: Sequence[int], iterations: int, queued: int) -> dict[str, Any]:
    """Measure iterations a second by the number of workers, the cost of an iteration, and what many queued runs take."""
    figures: dict[str, Any] = {}
    if workers:
        figures["iterations_per_second"] = {str(number): round(rate(runtime, number, iterations)) for number in workers}
        cost = cost_of_an_iteration(runtime, iterations)
        figures["cost_of_an_iteration"] = {name: round(value, 2) for name, value in asdict(cost).items()}
        figures["simulated_on_2_cores"] = {
            str(number): round(simulate(cost, number, RUNS * IN_FLIGHT // number, 2, shared=True).per_second)
            for number in workers
        }
    return figures | (queue_of(runtime, queued) if queued else {})


def rate(runtime: Runtime, number: int, iterations: int) -> float:
    """Return the iterations a second of so many workers, with several runs at the same time."""
    with fleet_of(runtime, number), Client(runtime.settings) as client:
        client.wait(enqueued(runtime, 200, 32), timeout_seconds=WAIT_SECONDS)
        ids = [enqueued(runtime, iterations // RUNS, IN_FLIGHT) for _ in range(RUNS)]
        begun = time.perf_counter()
        for run_id in ids:
            client.wait(run_id, timeout_seconds=WAIT_SECONDS)
        return iterations / (time.perf_counter() - begun)


def cost_of_an_iteration(runtime: Runtime, iterations: int) -> Cost:
    """Measure processor time with 16 in flight; and, with one at a time, the waits for commits and between processes."""
    with worker("botticelli", runtime.settings.home, runtime, environ=_environ_of(runtime)) as pid:
        fleet = Fleet(runtime, pid)
        fleet.run(1, IN_FLIGHT, iterations // 10)
        busy = _used(fleet, IN_FLIGHT, iterations // 2)
        alone = _used(fleet, 1, iterations // 10)
    return Cost(*busy[1:], waits_ms=max(0.0, alone[0] - sum(alone[1:])))


def queue_of(runtime: Runtime, queued: int) -> dict[str, Any]:
    """Measure runs that are enqueued while no worker is there: how fast, what the sweep takes beside them, and their end."""
    sweeps = {"before": _sweep_ms(runtime, [])}
    begun = time.perf_counter()
    ids = [enqueued(runtime, 1, 1) for _ in range(queued)]
    enqueue_seconds = time.perf_counter() - begun
    sweeps["beside queued runs"] = _sweep_ms(runtime, [])
    sweeps["beside runs that wait for a budget"] = _sweep_ms(runtime, ids)
    with fleet_of(runtime, 1), Client(runtime.settings) as client:
        begun = time.perf_counter()
        for run_id in ids:
            client.wait(run_id, timeout_seconds=WAIT_SECONDS)
    ended = time.perf_counter() - begun
    return {
        "queued_runs": queued,
        "queued_per_second": round(queued / enqueue_seconds),
        "ended_per_second": round(queued / ended),
        "sweep_ms": sweeps,
    }


def simulated(cost: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of a table: iterations a second of fleets whose Postgres and Redis have machines of their own."""
    heads = [f"Postgres with {cores} cores" for cores in POSTGRES_CORES]
    yield f"| workers | {' | '.join(heads)} |"
    yield "| --- " * (len(heads) + 1) + "|"
    for number in LARGER_FLEETS:
        outcomes = [simulate(Cost(**cost), number, THREADS, cores) for cores in POSTGRES_CORES]
        cells = [f"{each.per_second:,.0f} ({each.fullest} {each.busy[each.fullest]:.0%})" for each in outcomes]
        yield f"| {number} | {' | '.join(cells)} |"


@contextmanager
def fleet_of(runtime: Runtime, number: int) -> Iterator[None]:
    """Run so many workers, all of which are ready."""
    with contextlib.ExitStack() as stack:
        for index in range(number):
            options = ["--hostname", f"scale{index}@%h"]
            stack.enter_context(worker("botticelli", runtime.settings.home, runtime, options, _environ_of(runtime)))
        pause, deadline = Event(), time.monotonic() + WAIT_SECONDS
        while len(live_workers(runtime)) < number:
            assert time.monotonic() < deadline, "a worker does not start"
            pause.wait(0.1)
        yield


def _used(fleet: Fleet, in_flight: int, iterations: int) -> tuple[float, float, float, float]:
    """Return the duration of an iteration, and its processor time of worker, Postgres and Redis, in milliseconds."""
    before = fleet.counts()
    seconds = fleet.run(1, in_flight, iterations)
    after = fleet.counts()

    def each(count: Counts) -> tuple[float, float, float]:
        return count.worker_cpu_ms, count.postgres_cpu_ms, count.redis_cpu_ms

    worker_ms, postgres_ms, redis_ms = (
        (end - begin) / iterations for begin, end in zip(each(before), each(after), strict=True)
    )
    return 1000 * seconds / iterations, worker_ms, postgres_ms, redis_ms


def _sweep_ms(runtime: Runtime, waiting: Sequence[str]) -> float:
    """Return what the queries of a pass of the sweep take, while the runs named wait for a budget."""
    with runtime.store.transaction() as tx:
        tx.connection.execute(WAIT, {"ids": list(waiting)})
        sweep(tx)
        begun = time.perf_counter()
        for _ in range(MANY_SWEEPS):
            sweep(tx)
        took = time.perf_counter() - begun
        tx.connection.rollback()
    return round(1000 * took / MANY_SWEEPS, 2)


def _environ_of(runtime: Runtime) -> dict[str, str]:
    settings = runtime.settings
    assert settings.database.url and settings.redis.url
    return {
        "BOTTICELLI_HOME": str(settings.home),
        "BOTTICELLI_DEFAULT_MODEL": "echo/echo",
        "BOTTICELLI_DATABASE_URL": runtime.database_url,
        "BOTTICELLI_REDIS_URL": runtime.redis_url,
        "BOTTICELLI_REDIS__PREFIX": settings.redis.prefix,
    }
