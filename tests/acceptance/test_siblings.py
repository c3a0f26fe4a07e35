"""A worker of several processes: they share the threads, one that is killed comes back, all end with the one that watches."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import redis

from botticelli import services
from botticelli.store import Iteration
from tests.support.gate import Gate, with_gate
from tests.support.narratives import narrative_text
from tests.support.processes import House, Process
from tests.support.waiting import wait_until

CALLS = 5


@pytest.fixture(autouse=True)
def two_processes(house: House) -> None:
    house.settings["BOTTICELLI_WORKER__PROCESSES"] = "2"


@pytest.fixture
def gate(house: House) -> Gate:
    return with_gate(house)


def split_worker(house: House, *options: str) -> Process:
    """With a thread for each call; all its processes are ready."""
    worker = house.coming_worker("--concurrency", str(CALLS), *options)
    wait_until(lambda: worker.text().count(" ready.") == 2, "both processes")
    return worker


def performing(worker: Process) -> list[int]:
    """The processes under the one that watches."""
    try:
        return [int(pid) for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def enqueue(house: House, gate: Gate, calls: int = CALLS) -> str:
    """A run all of whose calls stand at the gate."""
    house.write("n.toml", narrative_text(calls, "only = 'Call {iteration}'", concurrency=calls))
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    wait_until(lambda: len(gate.begun()) == calls, "the calls")
    return run_id


def iterations(house: House, run_id: str) -> list[Iteration]:
    with house.client() as client, client._runtime.store.transaction() as tx:
        return tx.iterations.of_run(run_id)


def finished(house: House, run_id: str) -> list[Iteration]:
    with house.client() as client:
        assert client.wait(run_id, timeout_seconds=60).successful_iterations == CALLS
    return iterations(house, run_id)


def is_gone(pid: int) -> bool:
    """Whether it has ended, even if nobody has asked for its exit code: what an orphan's new parent should do."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_they_share_the_threads_and_end_together(house: House, gate: Gate) -> None:
    worker = split_worker(house, "--pidfile", str(house.folder / "pid"))
    both = performing(worker)
    run_id = enqueue(house, gate)
    held_by = [str(one.worker).rpartition(":")[2] for one in iterations(house, run_id)]
    assert sorted(held_by.count(str(pid)) for pid in both) == [2, 3]
    assert (house.folder / "pid").read_text() == f"{worker.pid}\n"
    refused = house.coming_worker("--pidfile", str(house.folder / "pid"))
    assert refused.popen.wait(60) != 0
    worker.popen.send_signal(signal.SIGTERM)
    wait_until(lambda: worker.text().count("worker_ends") == 2, "both to end")
    gate.open()
    assert worker.popen.wait(60) == 0
    assert {one.attempt for one in finished(house, run_id)} == {1}
    assert all(map(is_gone, both)) and not (house.folder / "pid").exists()


def test_one_that_has_ended_has_the_others_make_no_haste(house: House, gate: Gate) -> None:
    """It has nothing to do; the other finishes what it performs."""
    worker = split_worker(house)
    run_id = enqueue(house, gate, calls=1)
    worker.popen.send_signal(signal.SIGTERM)
    wait_until(lambda: len(performing(worker)) < 2, "the idle one to end")
    gate.open()
    assert worker.popen.wait(60) == 0
    assert [(one.status, one.attempt) for one in iterations(house, run_id)] == [("succeeded", 1)]


def test_one_that_is_killed_is_started_again(house: House, gate: Gate) -> None:
    house.settings["BOTTICELLI_WORKER__LEASE_SECONDS"] = "3"
    worker = split_worker(house)
    both = performing(worker)
    run_id = enqueue(house, gate)
    os.kill(both[1], signal.SIGKILL)
    wait_until(lambda: worker.text().count(" ready.") == 3, "a third process")
    assert both[0] in performing(worker) and both[1] not in performing(worker)
    wait_until(lambda: len(gate.begun()) > CALLS, "a call to be made again")
    gate.open()
    assert {one.attempt for one in finished(house, run_id)} == {1, 2}
    assert worker.stop() == 0
    assert "process 2 of this worker was killed by signal 9" in worker.text()


def test_ctrl_c_once_lets_them_finish(house: House, gate: Gate) -> None:
    worker = split_worker(house)
    run_id = enqueue(house, gate)
    os.killpg(worker.pid, signal.SIGINT)
    wait_until(lambda: worker.text().count("worker_ends") == 2, "both to end")
    gate.open()
    assert worker.popen.wait(60) == 0
    assert {one.attempt for one in finished(house, run_id)} == {1}


def test_ctrl_c_twice_hands_back_at_once(house: House, gate: Gate) -> None:
    house.settings["BOTTICELLI_WORKER__STOP_SECONDS"] = "1000"
    worker = split_worker(house)
    run_id = enqueue(house, gate)
    os.killpg(worker.pid, signal.SIGINT)
    wait_until(lambda: worker.text().count("worker_ends") == 2, "both to end")
    os.killpg(worker.pid, signal.SIGINT)
    assert worker.popen.wait(60) == 0
    assert {one.status for one in iterations(house, run_id)} == {"queued"}


def test_they_end_when_the_one_that_watches_is_killed(house: House, gate: Gate) -> None:
    worker = split_worker(house)
    both = performing(worker)
    run_id = enqueue(house, gate)
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: worker.text().count("worker_ends") == 2, "both to notice")
    gate.open()
    wait_until(lambda: all(map(is_gone, both)), "both to end")
    assert {one.attempt for one in finished(house, run_id)} == {1}


def test_what_one_is_told_or_ends_with_is_for_all(house: House) -> None:
    """Whether it waits for its servers or was refused by them."""
    nowhere = {"BOTTICELLI_REDIS_URL": "redis://127.0.0.1:1/0"}
    waits = house.coming_worker("--concurrency", str(CALLS), environ=nowhere)
    wait_until(lambda: waits.text().count("botticelli: ") == 2, "both to wait for their servers")
    first, second = performing(waits)
    os.kill(first, signal.SIGTERM)
    assert waits.popen.wait(60) == 0
    assert is_gone(first) and is_gone(second)
    with services.join(house.home) as servers:
        redis.Redis.from_url(servers.redis_url).config_set("maxmemory-policy", "allkeys-lru")
        refused = house.coming_worker("--concurrency", str(CALLS))
        assert refused.popen.wait(60) == 1
    assert "maxmemory-policy" in refused.text() and "Traceback" not in refused.text()
