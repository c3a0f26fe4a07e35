"""Calls per second of one worker whose calls all wait at once, against bare Celery threads: `python -m benchmarks.waiting`.

Both make the same call through the real SDK, of the same server in a process of its own, one after the other: the machine
should be quiet. Also the memory that a waiting call takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery

from benchmarks.carousel import until_counted, worker
from benchmarks.waiting_provider import COUNTER, MAX_TOKENS, MODELS, PROMPT, Wire
from botticelli.broker import configured, connected
from botticelli.carousel import EnqueueOptions, enqueue, result_of
from botticelli.client import Client
from botticelli.narrative import parse_narrative
from botticelli.runtime import Runtime
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
carousel = {{ iterations = {turns} }}
"""
RUN_SECONDS = 600
SAMPLE_SECONDS = 0.05
FIRST_CALLS = 16
"""Enough that each process has imported its SDK."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="that wait at once (default 200)")
    parser.add_argument("--rounds", type=int, default=5, help="of them, one after the other (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="that a call takes (default 1)")
    parser.add_argument("--wire", choices=sorted(MODELS), action="append", help="default: all")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    for wire in options.wire or sorted(MODELS):
        with tempfile.TemporaryDirectory(prefix="bench") as folder, provider(wire, options.seconds) as url:
            found.append(Bench(Path(folder), wire, url, options.calls, options.rounds).figures())
    print(json.dumps(found) if options.json else table(found))


class Bench:
    """One wire on services of its own."""

    def __init__(self, home: Path, wire: Wire, url: str, calls: int, rounds: int) -> None:
        self._home = home
        self._wire = wire
        self._calls = calls
        self._total = calls * rounds
        self._rounds = rounds
        self._environ = {
            f"BOTTICELLI_DRIVERS__{wire.upper()}__BASE_URL": url,
            f"BOTTICELLI_PROVIDERS__{wire.upper()}": '{"default_tier": "t", "tiers": {"t": {}}}',
            "BARE_BASE_URL": url,
            "BARE_WIRE": wire,
        }
        own = {"BOTTICELLI_HOME": str(home), **self._environ}
        self._runtime = Runtime(load_settings(environ=own, cwd=home))

    def figures(self) -> dict[str, float | str]:
        try:
            bare, bare_mb = self._bare()
            turns, _ = self._full(self._rounds)
            full, full_mb = self._full(1)
        finally:
            self._runtime.close()
        return {
            "wire": self._wire,
            "bare_calls_per_second": round(bare, 1),
            "calls_per_second": round(full, 1),
            "ratio": round(full / bare, 3),
            "calls_per_second_in_turns": round(turns, 1),
            "ratio_in_turns": round(turns / bare, 3),
            "bare_mb_per_waiting_call": round(bare_mb, 3),
            "mb_per_waiting_call": round(full_mb, 3),
        }

    def _bare(self) -> tuple[float, float]:
        """All messages are there when the clock starts, and each thread has made a call."""
        redis = self._runtime.redis
        redis.delete(COUNTER)
        app = connected(configured(Celery("bare", set_as_current=False)), self._runtime.redis_url, "bare")
        publish = {"queue": app.conf.task_default_queue, "ignore_result": True, "retry": False}

        def perform(calls: int) -> float:
            started, before = time.monotonic(), int(redis.get(COUNTER) or 0)
            for number in range(calls):
                app.send_task("bare.call", kwargs={"run_id": "bare", "number": number}, **publish)
            until_counted(redis, COUNTER, before + calls)
            return time.monotonic() - started

        with self._worker("benchmarks.bare_calls") as pid:
            perform(FIRST_CALLS)
            with memory_of(pid) as memory:
                perform(self._calls)
                seconds = perform(self._total)
        app.close()
        return self._total / seconds, memory.grown_mb / self._calls

    def _full(self, turns: int) -> tuple[float, float]:
        """From the first admission to the end of the run; each thread has made a call before."""
        with self._worker("botticelli") as pid:
            self._run(iterations=FIRST_CALLS, turns=1)
            with memory_of(pid) as memory:
                self._run(iterations=self._calls, turns=1)
                seconds = self._run(iterations=self._total // turns, turns=turns)
        return self._total / seconds, memory.grown_mb / self._calls

    def _run(self, *, iterations: int, turns: int) -> float:
        text = NARRATIVE.format(
            model=f"{self._wire}/{MODELS[self._wire]}",
            max_tokens=MAX_TOKENS,
            prompt=PROMPT,
            iterations=iterations,
            concurrency=self._calls,
            turns=turns,
        )
        loaded = parse_narrative(text, source="bench", folder=None)
        run_id = enqueue(self._runtime, loaded, "bench", EnqueueOptions()).run.id
        with Client(self._runtime.settings) as client:
            client.wait(run_id, timeout_seconds=RUN_SECONDS)
        with self._runtime.store.transaction() as tx:
            result = result_of(tx.runs.get(run_id))
        assert result.successful_iterations == iterations, result
        return result.duration_seconds

    @contextmanager
    def _worker(self, app: str) -> Iterator[int]:
        options = ("--concurrency", str(self._calls))
        with worker(app, self._home, self._runtime, options, self._environ) as pid:
            yield pid


class Memory:
    """How far the resident memory of a process has grown at its peak."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before_mb = self._peak_mb = self._now()
        self.ended = threading.Event()

    @property
    def grown_mb(self) -> float:
        return self._peak_mb - self._before_mb

    def watch(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            self._peak_mb = max(self._peak_mb, self._now())

    def _now(self) -> float:
        """Of the process and its children; pages that several of them share count for each."""
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in (self._pid, *children))
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def memory_of(pid: int) -> Iterator[Memory]:
    memory = Memory(pid)
    thread = threading.Thread(target=memory.watch)
    thread.start()
    try:
        yield memory
    finally:
        memory.ended.set()
        thread.join()


@contextmanager
def provider(wire: Wire, seconds: float) -> Iterator[str]:
    """The base_url of a server that runs for as long as the block."""
    command = [sys.executable, "-m", "benchmarks.waiting_provider", wire, str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def table(found: list[dict[str, float | str]]) -> str:
    rows = [
        "| path | SDK | calls per second | of bare Celery | MB per waiting call |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in found:
        rows += [
            f"| bare Celery task that calls | {one['wire']} | {one['bare_calls_per_second']} | 1.00 "
            f"| {one['bare_mb_per_waiting_call']} |",
            f"| iteration of one call | {one['wire']} | {one['calls_per_second']} | {one['ratio']:.2f} "
            f"| {one['mb_per_waiting_call']} |",
            f"| iteration of several turns | {one['wire']} | {one['calls_per_second_in_turns']} "
            f"| {one['ratio_in_turns']:.2f} | |",
        ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
