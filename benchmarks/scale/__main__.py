"""Measures operations with 1,000 and with a million finished iterations, then iterations a second by workers.

`python -m benchmarks.scale [--sizes 1000,1000000] [--workers 1,2,4] [--queued 5000] [--json]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text

from benchmarks.scale import finished_data
from benchmarks.scale.fleet import fleet_of, measure_fleet, simulated
from benchmarks.scale.operations import counted_exporter, enqueued, operations
from botticelli import services
from botticelli.client import Client
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
from botticelli.statuses import UNFINISHED
from botticelli.store import RunFilter
from botticelli.store.connection.database import make_engine, upgrade

WAIT_SECONDS = 1800
MOST_LEFT = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,100000,1000000", help="finished iterations, ascending")
    parser.add_argument("--rounds", type=int, default=40, help="how often each operation is measured")
    parser.add_argument("--workers", default="1,2,4", help="numbers of workers; empty: none are measured")
    parser.add_argument("--iterations", type=int, default=2000, help="iterations with which each fleet is measured")
    parser.add_argument("--queued", type=int, default=5000, help="runs that are queued at once; 0: not measured")
    parser.add_argument("--home", type=Path, help="folder in which the filled databases stay for the next time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes, workers = _numbers(options.sizes), _numbers(options.workers)
    with contextlib.ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale")))
        home.mkdir(exist_ok=True)
        servers = stack.enter_context(services.join(home, deadline_seconds=300))
        runtimes = {size: stack.enter_context(_filled(servers, home, size)) for size in sizes}
        figures: dict[str, Any] = {"seconds_to_count_the_history": round(_history(runtimes[sizes[-1]]), 1)}
        figures["ms"] = measure(runtimes, options.rounds)
        figures["megabytes"] = _megabytes(runtimes[sizes[-1]])
        figures |= measure_fleet(runtimes[sizes[-1]], workers, options.iterations, options.queued)
    print(json.dumps(figures) if options.json else table(figures, sizes))


def measure(runtimes: Mapping[int, Runtime], rounds: int) -> dict[str, dict[int, float]]:
    """Return the median duration of each operation in each database. All take turns, so that all meet the same noise."""
    by_size = {size: operations(runtime) for size, runtime in runtimes.items()}
    seconds: dict[tuple[str, int], list[float]] = {}
    for turn in range(rounds + 1):
        for name in by_size[next(iter(by_size))]:
            for size, measured in by_size.items():
                begun = time.perf_counter()
                measured[name]()
                if turn:  # the first one warms up
                    seconds.setdefault((name, size), []).append(time.perf_counter() - begun)
    names = dict.fromkeys(name for name, _ in seconds)
    return {name: {size: 1000 * statistics.median(seconds[name, size]) for size in by_size} for name in names}


def _history(runtime: Runtime) -> float:
    """Return the seconds that exporters take to count all rows, which is done once: after an upgrade to metrics."""
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("delete from metric_marks"))
        tx.connection.execute(text("delete from metric_totals"))
    begun = time.perf_counter()
    counted_exporter(runtime)
    return time.perf_counter() - begun


def table(figures: dict[str, Any], sizes: Sequence[int]) -> str:
    """Format the figures as Markdown."""
    heads = ["operation", *(f"{size:,}" for size in sizes), "ratio"]
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for name, by_size in figures["ms"].items():
        cells = " | ".join(f"{by_size[size]:.2f} ms" for size in sizes)
        lines.append(f"| {name} | {cells} | {by_size[sizes[-1]] / by_size[sizes[0]]:.2f} |")
    lines += ["", *(f"{name}: {value}" for name, value in figures.items() if name != "ms")]
    if "cost_of_an_iteration" in figures:
        lines += ["", *simulated(figures["cost_of_an_iteration"])]
    return "\n".join(lines)


@contextmanager
def _filled(servers: services.Membership, home: Path, size: int) -> Iterator[Runtime]:
    """Make a database with `size` finished iterations, and yield a runtime on it."""
    environ = _environ(servers, home, size)
    engine = make_engine(servers.database_url, pool_size=1, statement_timeout_seconds=60)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        query = text("select count(*) from pg_database where datname = :name")
        is_filled = connection.execute(query, {"name": f"scale_{size}"}).scalar_one() == 1
        if not is_filled:
            connection.execute(text(f"create database scale_{size}"))
    engine.dispose()
    engine = make_engine(_database_url(servers, size), pool_size=1, statement_timeout_seconds=60)
    upgrade(engine)
    engine.dispose()
    runtime = Runtime(load_settings(environ=environ, cwd=home))
    try:
        if is_filled:
            _finish(runtime)
        else:
            with fleet_of(runtime, 1), Client(runtime.settings) as client:
                pattern = enqueued(runtime, finished_data.ITERATIONS_PER_RUN)
                client.wait(pattern, timeout_seconds=WAIT_SECONDS)
            _grow(runtime, pattern, size // finished_data.ITERATIONS_PER_RUN)
        yield runtime
    finally:
        runtime.close()


def _finish(runtime: Runtime) -> None:
    """Perform what the last measurement has left in the queue, so that all databases are alike."""
    with runtime.store.transaction() as tx:
        left = tx.runs.recent(RunFilter(statuses=UNFINISHED, limit=MOST_LEFT))
    if left:
        with fleet_of(runtime, 1), Client(runtime.settings) as client:
            for run in left:
                client.wait(run.id, timeout_seconds=WAIT_SECONDS)


def _database_url(servers: services.Membership, size: int) -> str:
    url = make_url(servers.database_url).set(database=f"scale_{size}")
    return url.render_as_string(hide_password=False)


def _environ(servers: services.Membership, home: Path, size: int) -> dict[str, str]:
    return {
        "BOTTICELLI_HOME": str(home),
        "BOTTICELLI_DEFAULT_MODEL": "echo/echo",
        "BOTTICELLI_DATABASE_URL": _database_url(servers, size),
        "BOTTICELLI_REDIS_URL": servers.redis_url,
        "BOTTICELLI_REDIS__PREFIX": f"scale{size}",
    }


def _grow(runtime: Runtime, pattern: str, runs: int) -> None:
    with runtime.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("set statement_timeout = 0"))
        for first in range(1, runs, 2000):
            connection.execute(text("begin"))
            finished_data.copy_run(connection, pattern, first, min(first + 1999, runs - 1), runs)
            connection.execute(text("commit"))
        finished_data.analyze(connection)
        assert finished_data.count(connection) == runs * finished_data.ITERATIONS_PER_RUN


def _megabytes(runtime: Runtime) -> dict[str, float]:
    query = "select relname, pg_total_relation_size(oid) from pg_class where relname = any(:names)"
    names = ["runs", "iterations", "acts", "ledger"]
    with runtime.store.transaction() as tx:
        rows = tx.connection.execute(text(query), {"names": names})
        return {name: round(size / 1e6, 1) for name, size in rows}


def _numbers(value: str) -> list[int]:
    return [int(number) for number in value.split(",") if number]


if __name__ == "__main__":
    main()
