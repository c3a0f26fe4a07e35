"""Measures what each deviation from a library gains: `python -m benchmarks.deviations [NAME...] [--json]`.

For each, the processor time of an iteration of one act with it and without it, in workers that take turns on the same
servers. A worker of this benchmark puts the library's own way back (`WITHOUT`), so production code has no switches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.carousel import CONCURRENCY, worker
from benchmarks.profile_iteration import Fleet
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

WITHOUT = "BENCHMARK_WITHOUT"
"""The variable that names the deviation which a worker of this benchmark does without."""
APP = "benchmarks.deviations"


def _replace(owner: object, name: str, value: object) -> None:
    patch.object(owner, name, value).start()


def _prepared_statements() -> None:
    from botticelli.store.schema import statements

    def whole(cursor: Any, connection: Any, steps: Sequence[statements.Step], end: str = "") -> None:
        begin, steps = statements._with_waiting(connection, steps)
        texts = [cursor.mogrify(query.whole, values) for query, values in steps]
        cursor.execute(b";".join(filter(None, [begin.encode(), *texts, end.encode()])))

    _replace(statements, "_run", whole)


def _ping_in_doubt() -> None:
    from botticelli.store.connection import sessions

    _replace(sessions, "_may_be_dead", lambda _, returned_at: returned_at is not None)


def _wait_window() -> None:
    from workers.batching import batcher

    _replace(batcher, "MIN_BUSY", 10**9)


def _messages_in_batches() -> None:
    from workers.transport.redis_transport import Channel

    _replace(Channel, "_take_more", lambda channel, queue: None)


def _no_copies_of_iterations() -> None:
    from workers.transport import redis_transport

    _replace(redis_transport, "_is_due_without_message", lambda message: False)


def _packed_commands() -> None:
    from botticelli.budget.redis.checked_connections import Connections

    def plain(connections: Connections, calls: list[Any]) -> list[Any]:
        with connections.client.pipeline(transaction=False) as pipe:
            for script, (lasting, arguments) in calls:
                script(lasting.keys, [lasting.limits, *arguments], pipe)
            return list(pipe.execute())

    _replace(Connections, "run_all", plain)


DEVIATIONS: dict[str, Callable[[], None]] = {
    "prepared_statements": _prepared_statements,
    "ping_in_doubt": _ping_in_doubt,
    "wait_window": _wait_window,
    "messages_in_batches": _messages_in_batches,
    "no_copies_of_iterations": _no_copies_of_iterations,
    "packed_commands": _packed_commands,
}


@dataclass(frozen=True)
class Gain:
    """Milliseconds of processor time of one iteration: of the worker, and of worker, Postgres and Redis together."""

    deviation: str
    worker_with: float
    worker_without: float
    all_with: float
    all_without: float

    @property
    def ratio(self) -> float:
        """The processor time without the deviation in units of the time with it: above 1 it gains."""
        return self.all_without / self.all_with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *DEVIATIONS], help="deviations to measure (default: all)")
    parser.add_argument("--iterations", type=int, default=400, help="iterations per run (default 400)")
    parser.add_argument("--turns", type=int, default=3, help="runs with and without each (default 3)")
    parser.add_argument("--in-flight", type=int, default=CONCURRENCY, help=f"iterations in flight ({CONCURRENCY})")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
        names = options.names or list(DEVIATIONS)
        gains = measure(Path(folder), names, options.iterations, options.turns, options.in_flight)
    print(json.dumps([asdict(gain) for gain in gains]) if options.json else table(gains))


def measure(home: Path, names: list[str], iterations: int, turns: int, in_flight: int) -> list[Gain]:
    """Measure with and without each deviation; who begins changes from turn to turn."""
    environ = {"BOTTICELLI_HOME": str(home), "BOTTICELLI_DEFAULT_MODEL": "echo/echo"}
    runtime = Runtime(load_settings(environ=environ, cwd=home))
    gains = []
    try:
        runtime.store  # noqa: B018  starts Postgres and makes the schema, before the worker looks for it
        for name in names:
            used: dict[str, list[tuple[float, float]]] = {"": [], name: []}
            for turn in range(turns):
                for without in ("", name) if turn % 2 else (name, ""):
                    used[without].append(_used(runtime, home, without, iterations, in_flight))
            (with_worker, with_all), (without_worker, without_all) = (_median(used[key]) for key in ("", name))
            gains.append(Gain(name, with_worker, without_worker, with_all, without_all))
    finally:
        runtime.close()
    return gains


def _used(runtime: Runtime, home: Path, without: str, iterations: int, in_flight: int) -> tuple[float, float]:
    """Return the milliseconds of processor time per iteration: of the worker, and of all servers together."""
    with worker(APP, home, runtime, environ={WITHOUT: without}) as pid:
        fleet = Fleet(runtime, pid)
        fleet.run(1, in_flight, 50)
        before = asdict(fleet.counts())
        fleet.run(1, in_flight, iterations)
        after = asdict(fleet.counts())
    names = ("worker_cpu_ms", "postgres_cpu_ms", "redis_cpu_ms")
    parts = [(after[name] - before[name]) / iterations for name in names]
    return parts[0], sum(parts)


def _median(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    mine, everyone = zip(*pairs, strict=True)
    return round(statistics.median(mine), 2), round(statistics.median(everyone), 2)


def table(gains: list[Gain]) -> str:
    rows = [
        f"| {gain.deviation.replace('_', ' ')} | {gain.worker_with:.2f} | {gain.worker_without:.2f} "
        f"| {gain.all_with:.2f} | {gain.all_without:.2f} | {gain.ratio:.2f} |"
        for gain in gains
    ]
    head = "| deviation | worker with (ms) | without | all with (ms) | without | without / with |"
    return "\n".join([head, "| --- " * 6 + "|", *rows])


if __name__ == "__main__":
    main()
elif WITHOUT in os.environ:  # a worker of this benchmark: `celery -A benchmarks.deviations worker`
    from botticelli.celery import app  # noqa: F401  celery looks for it here

    if os.environ[WITHOUT]:
        DEVIATIONS[os.environ[WITHOUT]]()
