"""Many iterations over several workers: nothing grows with their number but their own rows, and a million start at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from botticelli.client import Client
from tests.support.fleet.processes import House, Process
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

LOAD = int(os.environ.get("LOAD") or 10_000)
SIZES = (
    pytest.param(300, 2, id="short"),
    pytest.param(LOAD, 4, id="long", marks=(pytest.mark.long, pytest.mark.timeout(60 + LOAD // 10))),
)
CONCURRENCY = 32
OWN_ROWS = {"runs", "iterations", "acts", "ledger"}
"""Tables with rows of each run, iteration or call; all others are bookkeeping."""
MOST_MB_MORE = 24
"""The growth allowed to each worker and to Redis between halves of the load: noise of allocators, and a run's events."""
MOST_MORE = 6
"""Keys, and rows of bookkeeping: a run has a few of its own."""
THREADS = 16
"""Threads of each worker. The busiest moment so far may open one more connection for each of them to either server."""


@dataclass(frozen=True, slots=True)
class Held:
    """Resources that are held while nothing is performed."""

    connections: int
    files: list[int]
    worker_mb: list[float]
    redis_mb: float
    keys: int
    rows: int

    def grown(self, before: Held) -> dict[str, float]:
        """By how much at the most."""
        return {
            "connections": self.connections - before.connections,
            "files of a worker": max(now - then for now, then in zip(self.files, before.files, strict=True)),
            "MB of a worker": max(now - then for now, then in zip(self.worker_mb, before.worker_mb, strict=True)),
            "MB of Redis": self.redis_mb - before.redis_mb,
            "keys": self.keys - before.keys,
            "rows of bookkeeping": self.rows - before.rows,
        }


def held(client: Client, workers: list[Process]) -> Held:
    runtime = client._runtime
    with runtime.store.engine.connect() as connection:
        count = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        connections = connection.execute(text(count)).scalar_one()
        tables = sorted(set(inspect(connection).get_table_names()) - OWN_ROWS)
        rows = sum(connection.execute(text(f'select count(*) from "{name}"')).scalar_one() for name in tables)
    proc = [Path(f"/proc/{worker.pid}") for worker in workers]
    pages = [int((folder / "statm").read_text().split()[1]) for folder in proc]
    return Held(
        connections=connections,
        files=[len(list((folder / "fd").iterdir())) for folder in proc],
        worker_mb=[number * os.sysconf("SC_PAGE_SIZE") / 2**20 for number in pages],
        redis_mb=runtime.redis.info("memory")["used_memory"] / 2**20,
        keys=runtime.redis.dbsize(),
        rows=rows,
    )


@pytest.mark.parametrize(("iterations", "workers"), SIZES)
def test_nothing_grows_but_the_rows_of_what_was_done(house: House, iterations: int, workers: int) -> None:
    started = [house.worker("--concurrency", str(THREADS)) for _ in range(workers)]
    samples = []
    with house.client() as client:
        for part in range(3):
            many = narrative_text(iterations // 4 * (1 + part // 2), name=f"part{part}", concurrency=CONCURRENCY)
            house.write("n.toml", many)
            run_id = house.run("run", "n.toml", "--detach").stdout.strip()
            result = client.wait(run_id, timeout_seconds=240 + iterations)
            assert (result.status, result.failed_iterations) == ("completed", 0)
            samples.append(held(client, started))
        with client._runtime.store.engine.connect() as connection:
            counts = [
                connection.execute(text(f"select count(*) from {name}")).scalar_one() for name in OWN_ROWS - {"runs"}
            ]
        assert counts == [iterations // 4 * 4] * 3
        wait_until(lambda: is_little(held(client, started).grown(samples[1]), workers), "what is over to be put away")


def is_little(grown: dict[str, float], workers: int) -> bool:
    """A worker may be busy with the end of a run that is over already."""
    print({name: round(value, 1) for name, value in grown.items()})
    return (
        max(grown["MB of a worker"], grown["MB of Redis"]) <= MOST_MB_MORE
        and grown["connections"] <= THREADS * workers
        and grown["files of a worker"] <= 2 * THREADS + MOST_MORE
        and max(grown["keys"], grown["rows of bookkeeping"]) <= MOST_MORE
    )


def test_a_million_iterations_start_at_once(house: House) -> None:
    """Nothing is written for those that are far ahead."""
    worker = house.worker("--concurrency", "4")
    house.write("n.toml", narrative_text(1_000_000, concurrency=4))
    run_id = house.run("run", "n.toml", "--detach", timeout_seconds=240).stdout.strip()
    with house.client() as client:
        succeeded = wait_until(lambda: client.result(run_id).successful_iterations, "the first of a million")
        assert house.run("runs", "cancel", run_id).returncode == 0
        assert client.wait(run_id, timeout_seconds=240).status == "cancelled"
        with client._runtime.store.engine.connect() as connection:
            rows = connection.execute(text("select count(*) from iterations")).scalar_one()
        assert succeeded <= rows <= client.result(run_id).successful_iterations + 4
    assert worker.stop() == 0
