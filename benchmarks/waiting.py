"""Measures calls per second when all calls wait at once, against bare Celery threads: `python -m benchmarks.waiting`.

Both sides make the same call through the real SDK to the same separate server, in turns: first one worker process with
all threads, then two with half of them each. The processor time and memory per call are measured as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from celery import Celery

from benchmarks.carousel import until_counted
from benchmarks.waiting_fleet import Fleet, fleet
from benchmarks.waiting_provider import COUNTER, MAX_TOKENS, MODELS, PROMPT, Wire
from botticelli.carousel import EnqueueRequest, enqueue, result_of
from botticelli.client import Client
from botticelli.narrative import parse_narrative
from botticelli.runtime.celery_app import configured, connected
from botticelli.runtime.heartbeats import live_workers
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

NARRATIVE = """
[narrative]
name = "waiting"
model = "{model}"
max_tokens = {max_tokens}
[narrative.carousel]
iterations = {iterations}
concurrency = {concurrency}
estimated_tokens_per_iteration = 100
[acts.only]
prompt = "{prompt}"
carousel = {{ iterations = {repeats} }}
"""
RUN_SECONDS = 600
FIRST_CALLS = 16
"""Calls before the measurement, enough that each process has imported its SDK."""


@dataclass
class Total:
    """Sum of all turns of one side."""

    calls: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    grown_mb: float = 0.0
    idle_mb: float = 0.0

    @property
    def rate(self) -> float:
        return self.calls / self.seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_seconds / self.calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="number of calls that wait at once (default 200)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of calls in each turn (default 5)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each side (default 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="duration of a call (default 1)")
    parser.add_argument("--workers", type=int, action="append", help="processes that share the calls (default: 1, 2)")
    parser.add_argument("--wire", choices=sorted(MODELS), action="append", help="default: all")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measured: list[dict[str, float | str]] = []
    for wire in options.wire or sorted(MODELS):
        with (
            tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder,
            provider(wire, options.seconds) as url,
        ):
            bench = Bench(Path(folder), wire, url, options.calls, options.rounds)
            try:
                measured += [bench.figures(workers, options.turns) for workers in options.workers or (1, 2)]
            finally:
                bench.close()
    print(json.dumps(measured) if options.json else table(measured))


class Bench:
    """Measures one wire protocol on separate services."""

    def __init__(self, home: Path, wire: Wire, url: str, calls: int, rounds: int) -> None:
        self._home = home
        self._wire = wire
        self._calls = calls
        self._rounds = rounds
        own = {
            "BOTTICELLI_HOME": str(home),
            f"BOTTICELLI_DRIVERS__{wire.upper()}__BASE_URL": url,
            f"BOTTICELLI_PROVIDERS__{wire.upper()}": '{"default_tier": "t", "tiers": {"t": {}}}',
        }
        self._runtime = Runtime(load_settings(environ=own, cwd=home))
        bare = {"BARE_BASE_URL": url, "BARE_WIRE": wire, "BARE_REDIS_URL": self._runtime.redis_url}
        self._environ = own | bare

    def close(self) -> None:
        self._runtime.close()

    def figures(self, workers: int, turns: int) -> dict[str, float | str]:
        """Measure each side over all of its turns."""
        bare, full, repeated = Total(), Total(), Total()
        for _ in range(turns):
            self._bare(workers, bare)
            self._full(workers, full, repeats=1)
            self._full(workers, repeated, repeats=self._rounds)
        sides = {"bare": bare, "iteration": full, "iteration_of_several_calls": repeated}
        figures: dict[str, float | str] = {"wire": self._wire, "workers": workers, "calls_at_once": self._calls}
        for name, total in sides.items():
            figures |= {
                f"{name}_calls_per_second": round(total.rate, 1),
                f"{name}_ratio": round(total.rate / bare.rate, 3),
                f"{name}_cpu_ms_per_call": round(total.cpu_ms, 2),
                f"{name}_mb_per_waiting_call": round(total.grown_mb / self._calls, 3),
                f"{name}_mb_of_an_idle_worker": round(total.idle_mb / workers, 1),
            }
        return figures

    def _bare(self, workers: int, total: Total) -> None:
        """Measure from the publication of all messages in one trip, after each thread has made a call."""
        redis = self._runtime.redis
        redis.delete(COUNTER)
        app = connected(configured(Celery("bare", set_as_current=False)), self._runtime.redis_url, "bare")
        publish = {"queue": app.conf.task_default_queue, "ignore_result": True, "retry": False}

        def perform(calls: int) -> float:
            started, before = time.monotonic(), int(redis.get(COUNTER) or 0)
            with app.producer_pool.acquire(block=True) as producer, producer.batch():
                for number in range(calls):
                    arguments = {"run_id": "bare", "number": number}
                    app.send_task("bare.call", kwargs=arguments, producer=producer, **publish)
            until_counted(redis, COUNTER, before + calls)
            return time.monotonic() - started

        with self._fleet(
            "benchmarks.baselines.bare_calls", workers, lambda: len(app.control.ping(timeout=1.0))
        ) as performers:
            perform(FIRST_CALLS)
            with performers.memory.watched():
                perform(self._calls)
                before = performers.cpu_seconds
                seconds = perform(self._calls * self._rounds)
                self._add(total, performers, seconds, before)
        app.close()

    def _full(self, workers: int, total: Total, *, repeats: int) -> None:
        """Measure from the first admission to the end of the run, after each thread has made a call."""
        with self._fleet("botticelli", workers, lambda: len(live_workers(self._runtime))) as performers:
            self._run(iterations=FIRST_CALLS, repeats=1)
            with performers.memory.watched():
                self._run(iterations=self._calls, repeats=1)
                before = performers.cpu_seconds
                seconds = self._run(iterations=self._calls * self._rounds // repeats, repeats=repeats)
                self._add(total, performers, seconds, before)

    def _add(self, total: Total, performers: Fleet, seconds: float, cpu_seconds_before: float) -> None:
        total.calls += self._calls * self._rounds
        total.seconds += seconds
        total.cpu_seconds += performers.cpu_seconds - cpu_seconds_before
        total.grown_mb = max(total.grown_mb, performers.memory.grown_mb)
        total.idle_mb = max(total.idle_mb, performers.memory.before_mb)

    def _run(self, *, iterations: int, repeats: int) -> float:
        text = NARRATIVE.format(
            model=f"{self._wire}/{MODELS[self._wire]}",
            max_tokens=MAX_TOKENS,
            prompt=PROMPT,
            iterations=iterations,
            concurrency=self._calls,
            repeats=repeats,
        )
        loaded = parse_narrative(text, source="bench", folder=None)
        run_id = enqueue(self._runtime, loaded, "bench", EnqueueRequest()).run.id
        with Client(self._runtime.settings) as client:
            client.wait(run_id, timeout_seconds=RUN_SECONDS)
        with self._runtime.store.transaction() as tx:
            result = result_of(tx.runs.get(run_id))
        assert result.successful_iterations == iterations, result
        return result.duration_seconds

    @contextmanager
    def _fleet(self, app: str, workers: int, count_ready: Callable[[], int]) -> Iterator[Fleet]:
        sizes = [self._calls // workers] * workers
        with fleet(app, sizes, self._environ, self._home, count_ready) as performers:
            yield performers


@contextmanager
def provider(wire: Wire, seconds: float) -> Iterator[str]:
    """Run a server during the block; yield its base_url."""
    command = [sys.executable, "-m", "benchmarks.waiting_provider", wire, str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


PATHS = {
    "bare": "bare Celery task that calls",
    "iteration": "iteration of one call",
    "iteration_of_several_calls": "iteration of several calls",
}


def table(measured: list[dict[str, float | str]]) -> str:
    rows = [
        "| workers | path | SDK | calls per second | of bare Celery | ms of processor per call | MB per waiting call |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for figures in measured:
        for name, path in PATHS.items():
            shown = [figures[f"{name}_{kind}"] for kind in ("calls_per_second", "ratio", "cpu_ms_per_call")]
            memory = figures[f"{name}_mb_per_waiting_call"]
            rows.append(
                f"| {figures['workers']} | {path} | {figures['wire']} | {shown[0]} | {shown[1]:.2f} | {shown[2]:.1f} "
                f"| {memory:.2f} |"
            )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
