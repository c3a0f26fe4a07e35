"""Measures iterations per second through the whole path, against bare Celery: `python -m benchmarks.carousel [--json]`.

Both run with one worker with the same pool and settings, on the same embedded Redis, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis
from sqlalchemy import text

from botticelli.carousel import EnqueueRequest, enqueue, result_of
from botticelli.client import Client
from botticelli.narrative import parse_narrative
from botticelli.runtime.heartbeats import live_workers
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

NARRATIVE = """
[narrative]
name = "bench"
[narrative.carousel]
iterations = {iterations}
concurrency = {concurrency}
estimated_tokens_per_iteration = 100
[acts]
only = "Say hello {{iteration}}"
"""
SHORT = """
[narrative]
name = "short"
[acts]
only = "Say hello"
"""
SHORT_DONE = text("select count(*) from runs where narrative = 'short' and status = 'completed'")
CONCURRENCY = 16
WAIT_SECONDS = 60.0
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=1000, help="iterations per round (default 1000)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
        figures = measure(Path(folder), options.iterations)
    print(json.dumps(figures) if options.json else table(figures))


def measure(home: Path, iterations: int) -> dict[str, float]:
    """Measure all paths in turns, and return the rates of their best rounds."""
    runtime = Runtime(
        load_settings(environ={"BOTTICELLI_HOME": str(home), "BOTTICELLI_DEFAULT_MODEL": "echo/echo"}, cwd=home)
    )
    try:
        rates: dict[str, list[float]] = {"bare": [], "full": [], "in_turn": [], "enqueues": [], "short": []}
        for _ in range(ROUNDS):
            rates["bare"].append(bare_rate(runtime, home, iterations))
            with worker("botticelli", home, runtime):
                rates["full"].append(full_rate(runtime, iterations, CONCURRENCY))
                rates["in_turn"].append(full_rate(runtime, max(1, iterations // 4), 1))
                enqueues, runs = short_rates(runtime, max(1, iterations // 4))
                rates["enqueues"].append(enqueues)
                rates["short"].append(runs)
    finally:
        runtime.close()
    best = {name: round(max(values), 1) for name, values in rates.items()}
    return {
        "bare_tasks_per_second": best["bare"],
        "iterations_per_second": best["full"],
        "ratio": round(best["full"] / best["bare"], 3),
        "iterations_per_second_one_at_a_time": best["in_turn"],
        "ratio_one_at_a_time": round(best["in_turn"] / best["bare"], 3),
        "enqueues_per_second": best["enqueues"],
        "short_runs_per_second": best["short"],
        "ratio_short_runs": round(best["short"] / best["bare"], 3),
    }


def full_rate(runtime: Runtime, iterations: int, concurrency: int) -> float:
    """Measure from the first admission to the end of the run: reserve, publish, claim, draw, call, settle, record."""
    toml = NARRATIVE.format(iterations=iterations, concurrency=concurrency)
    loaded = parse_narrative(toml, source="bench", folder=None)
    run_id = enqueue(runtime, loaded, "bench", EnqueueRequest()).run.id
    with Client(runtime.settings) as client:
        client.wait(run_id, timeout_seconds=600)
    with runtime.store.transaction() as tx:
        result = result_of(tx.runs.get(run_id))
    assert result.successful_iterations == iterations
    return iterations / result.duration_seconds


def short_rates(runtime: Runtime, runs: int) -> tuple[float, float]:
    """Measure runs of one iteration that a client enqueues one by one: the enqueues, and until all runs are completed."""
    with Client(runtime.settings) as client:
        done = _short_done(runtime) + 1
        client.enqueue(text=SHORT)
        _until_short(runtime, done)
        started = time.monotonic()
        for _ in range(runs):
            client.enqueue(text=SHORT)
        enqueued = time.monotonic()
        _until_short(runtime, done + runs)
    return runs / (enqueued - started), runs / (time.monotonic() - started)


def _short_done(runtime: Runtime) -> int:
    with runtime.store.transaction() as tx:
        return int(tx.connection.execute(SHORT_DONE).scalar_one())


def _until_short(runtime: Runtime, count: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS * 10
    while _short_done(runtime) < count:
        assert time.monotonic() < deadline, "the worker is too slow or has ended"
        time.sleep(0.02)


def bare_rate(runtime: Runtime, home: Path, tasks: int) -> float:
    """Measure as many tasks as iterations, published by this process while the worker takes them."""
    os.environ["BARE_REDIS_URL"] = runtime.redis_url
    from benchmarks.baselines.bare_celery import COUNTER, QUEUE, count

    runtime.redis.delete(COUNTER)
    with worker("benchmarks.baselines.bare_celery", home, runtime):
        publish = {"queue": QUEUE, "ignore_result": True, "retry": False}
        count.apply_async(kwargs={"run_id": "warm", "number": 0}, **publish)
        until_counted(runtime.redis, COUNTER, 1)
        started = time.monotonic()
        for number in range(tasks):
            count.apply_async(kwargs={"run_id": "bare", "number": number}, **publish)
        until_counted(runtime.redis, COUNTER, tasks + 1)
        return tasks / (time.monotonic() - started)


def until_counted(client: redis.Redis, counter: str, count: int) -> None:
    """Wait until the counter in Redis reaches `count`."""
    deadline = time.monotonic() + WAIT_SECONDS * 10
    while int(client.get(counter) or 0) < count:
        assert time.monotonic() < deadline, "the worker is too slow or has ended"
        time.sleep(0.005)


@contextmanager
def worker(
    app: str, home: Path, runtime: Runtime, options: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a worker; yield its process id once it is ready."""
    log = home / "worker.log"
    own = {"BOTTICELLI_HOME": str(home), "BARE_REDIS_URL": runtime.redis_url, **(environ or {})}
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "--loglevel", "WARNING", *options]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | own)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while app == "botticelli" and not live_workers(runtime):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_SECONDS)


def table(figures: dict[str, float]) -> str:
    rows = [
        "| path | per second | of bare Celery |",
        "| --- | --- | --- |",
        f"| bare Celery task that counts | {figures['bare_tasks_per_second']:,.0f} | 1.00 |",
        f"| iteration, {CONCURRENCY} in flight | {figures['iterations_per_second']:,.0f} | {figures['ratio']:.2f} |",
        f"| iteration, one at a time | {figures['iterations_per_second_one_at_a_time']:,.0f} "
        f"| {figures['ratio_one_at_a_time']:.2f} |",
        f"| run of one iteration | {figures['short_runs_per_second']:,.0f} | {figures['ratio_short_runs']:.2f} |",
        f"| enqueue of such a run by a client | {figures['enqueues_per_second']:,.0f} | |",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
