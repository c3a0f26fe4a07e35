"""Several workers on one machine as Celery's users start them: they share the work, and stop when they are told."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.fleet.command_server import command_folder
from tests.support.fleet.gate import with_gate
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

WORKERS = 2
THREADS = 3
CALLS = WORKERS * THREADS


def multi(house: House, command: str, *options: str) -> None:
    """`celery multi COMMAND`, to its end."""
    subprocess.run(
        [str(command_folder() / "celery"), "multi", command, str(WORKERS), "--pidfile=%n.pid", *options],
        cwd=house.folder,
        env=house.environ,
        check=True,
        timeout=240,
        stdout=subprocess.DEVNULL,
    )


def process_ids(house: House) -> list[int]:
    return [int(file.read_text()) for file in sorted(house.folder.glob("celery*.pid"))]


def log_texts(house: House) -> str:
    return "".join(file.read_text() for file in house.folder.glob("celery*.log"))


@pytest.fixture
def workers(house: House) -> Iterator[list[int]]:
    """The process ids of two workers that `celery multi` started."""
    with_gate(house)
    multi(house, "start", "-A", "botticelli", f"--concurrency={THREADS}", "--logfile=%n.log", "--loglevel=INFO")
    wait_until(lambda: log_texts(house).count(" ready.") == WORKERS, "both workers")
    started = process_ids(house)
    yield started
    for pid in started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_workers_of_celery_multi_share_calls_and_finish_them_when_stopped(house: House, workers: list[int]) -> None:
    gate = with_gate(house)
    house.write("n.toml", narrative_text(CALLS, "only = 'Call {iteration}'", concurrency=CALLS))
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    wait_until(lambda: len(gate.begun()) == CALLS, "the calls")
    with house.client() as client:
        shown = house.json("runs", "show", run_id, "--json")
        held_by = [iteration["worker"].rpartition(":")[2] for iteration in shown["iterations"]]
        assert sorted(held_by) == sorted(str(pid) for pid in workers for _ in range(THREADS))
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: log_texts(house).count("worker_ends") == WORKERS, "both to begin to end")
        gate.open()
        assert client.wait(run_id, timeout_seconds=60).successful_iterations == CALLS
    multi(house, "stopwait")
    wait_until(
        lambda: not process_ids(house) and not any(Path(f"/proc/{pid}").exists() for pid in workers), "their end"
    )
