"""Workers of two versions side by side: the schema is upgraded under a worker of the former version, and nothing fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from botticelli.client import Client
from tests.support.fleet.processes import BIN, House
from tests.support.narratives import narrative_text

ROOT = Path(__file__).parents[2]
ITERATIONS = int(os.environ.get("ITERATIONS") or 60)
WORKERS = "select worker from iterations where worker is not null group by worker"
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def former(tmp_path: Path) -> Iterator[Path]:
    """A checkout of the former version: UPGRADE_FROM, else the commit before the newest migration."""
    migration = git("log", "-1", "--format=%H", "--", "migrations/versions")
    folder = tmp_path / "former"
    git("worktree", "add", "--detach", str(folder), os.environ.get("UPGRADE_FROM") or f"{migration}^")
    yield folder
    git("worktree", "remove", "--force", str(folder))


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_workers_of_two_versions_finish_all_runs(former: Path, tmp_path: Path) -> None:
    house = House(tmp_path, settings={"BOTTICELLI_DRIVERS__ECHO__LATENCY_SECONDS": "0.3"})
    house.write("long.toml", narrative_text(ITERATIONS, concurrency=4))
    old = ("env", f"PYTHONPATH={former}")
    try:
        place = house.start(*old, sys.executable, "-c", "import botticelli; print(botticelli.__file__)")
        assert place.popen.wait(60) == 0 and str(former) in place.text()
        upgraded = house.start(*old, str(BIN / "botticelli"), "db", "upgrade")
        assert upgraded.popen.wait(120) == 0, upgraded.text()
        veteran = house.start(*old, str(BIN / "celery"), "-A", "botticelli", "worker", "-l", "INFO", "-n", "old@%h")
        veteran.wait_until_ready()
        enqueued = house.start(*old, str(BIN / "botticelli"), "run", "long.toml", "--detach", "--json")
        assert enqueued.popen.wait(120) == 0, enqueued.text()
        assert house.run("db", "upgrade").returncode == 0
        with house.client() as client:
            first = client.runs()[0].id
            recruit = house.worker()
            second = house.json("run", "long.toml", "--detach", "--json")["run_id"]
            results = [client.wait(run_id, timeout_seconds=300) for run_id in (first, second)]
            assert [result.successful_iterations for result in results] == [ITERATIONS] * 2
            performed = workers(client)
            assert len(performed) == 2, performed
            assert veteran.stop() == 0, veteran.text()
            third = house.json("run", "long.toml", "--detach", "--json")["run_id"]
            assert client.wait(third, timeout_seconds=300).successful_iterations == ITERATIONS
            assert calls(client) == 3 * ITERATIONS
        for process in (veteran, recruit):
            assert "Traceback" not in process.text(), process.text()
    finally:
        house.close()


def workers(client: Client) -> set[str]:
    with client._runtime.store.transaction() as tx:
        return set(tx.connection.exec_driver_sql(WORKERS).scalars())


def calls(client: Client) -> int:
    with client._runtime.store.transaction() as tx:
        return int(tx.connection.exec_driver_sql("select count(*) from ledger").scalar_one())
