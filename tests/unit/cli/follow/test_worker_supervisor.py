"""The worker that `botticelli run` keeps: started, replaced, given up, ended, with real processes that stand for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import fakeredis
import pytest

from botticelli.cli.base.context import Invocation
from botticelli.cli.base.signals import SignalCounter
from botticelli.cli.follow import worker_process
from botticelli.cli.follow import worker_supervisor as supervisor_module
from botticelli.cli.follow.worker_supervisor import MAX_RESTARTS, WorkerSupervisor
from botticelli.errors import BotticelliError
from botticelli.runtime.heartbeats import heartbeat_key
from botticelli.settings import load_settings
from tests.support.waiting import wait_until

STAYS = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True)\nwhile True: signal.pause()"
FINISHES = """
import signal, sys
asked = []
def ask(*_):
    asked.append(1)
    print("asked", len(asked), flush=True)
    if len(asked) == 2:
        sys.exit(0)
signal.signal(15, ask)
print("ready", flush=True)
while True: signal.pause()
"""
DIES = "import sys; print('boom'); sys.exit(3)"


@pytest.fixture
def invocation(home) -> Iterator[Invocation]:
    made = Invocation(None, {"worker.threads": "3", "worker.shutdown_grace_seconds": "0"})
    made.runtime.__dict__["redis"] = fakeredis.FakeRedis()
    yield made
    made.close()


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def supervisor(invocation, notes) -> Iterator[WorkerSupervisor]:
    made = WorkerSupervisor(invocation, notes.append)
    yield made
    made.stop(hurry=lambda: True)


def stand_in(monkeypatch, code: str) -> None:
    monkeypatch.setattr(worker_process, "_celery", lambda threads: [sys.executable, "-c", code])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def has_said_ready(home, pid: int) -> bool:
    log = home / "logs" / f"worker-{pid}.log"
    return log.exists() and "ready" in log.read_text()


def test_no_worker_alive_starts_one_that_ends_with_us(monkeypatch, supervisor, notes, home):
    stand_in(monkeypatch, STAYS)
    supervisor.ensure()
    pid = supervisor.own_pid
    assert pid is not None
    wait_until(lambda: has_said_ready(home, pid), "the worker's log")
    assert str(home / "logs" / f"worker-{pid}.log") in notes[0]
    supervisor.stop()
    assert supervisor.own_pid is None
    assert not is_alive(pid)


def test_a_living_worker_of_others_is_enough_until_it_is_gone(monkeypatch, supervisor, notes, invocation):
    stand_in(monkeypatch, STAYS)
    key = heartbeat_key(invocation.settings.redis.prefix, "elsewhere:1")
    invocation.runtime.redis.set(key, "")
    monkeypatch.setattr(supervisor_module, "ABSENT_SECONDS", 3600)
    supervisor.ensure()
    assert (supervisor.own_pid, supervisor.others) == (None, 1)
    invocation.runtime.redis.delete(key)
    monkeypatch.setattr(supervisor_module, "CHECK_SECONDS", 0)
    supervisor.ensure()
    assert supervisor.own_pid is None, "it may come back: not at once"
    monkeypatch.setattr(supervisor_module, "ABSENT_SECONDS", 0)
    supervisor.ensure()
    assert supervisor.own_pid is not None
    assert "no other worker is alive any more" in notes[-1]


def test_none_is_started_where_that_is_not_wanted(monkeypatch, invocation, notes):
    stand_in(monkeypatch, STAYS)
    supervisor = WorkerSupervisor(invocation, notes.append, starts=False)
    supervisor.ensure()
    assert (supervisor.own_pid, supervisor.others, notes) == (None, 0, [])


def test_a_worker_that_is_killed_is_replaced(monkeypatch, supervisor, notes):
    stand_in(monkeypatch, STAYS)
    supervisor.ensure()
    first = supervisor.own_pid
    os.kill(first, signal.SIGKILL)

    def replaced() -> bool:
        supervisor.ensure()
        return supervisor.own_pid != first

    wait_until(replaced, "another worker")
    assert f"worker {first} died (signal 9)" in notes[-1]


def test_a_worker_that_dies_again_and_again_is_given_up_with_the_end_of_its_log(monkeypatch, supervisor, notes):
    stand_in(monkeypatch, DIES)
    monkeypatch.setattr(supervisor_module, "STEADY_SECONDS", 3600)

    def given_up() -> BotticelliError | None:
        try:
            supervisor.ensure()
        except BotticelliError as error:
            return error
        return None

    error = wait_until(given_up, "the supervisor to give up")
    assert len(notes) == MAX_RESTARTS
    assert "exit code 3; its log ends with: boom" in error.what
    assert error.where.endswith(".log")
    assert error.exit_code == 1


def test_a_worker_that_does_not_end_is_killed_and_forgotten(monkeypatch, supervisor, invocation, home):
    stand_in(monkeypatch, STUBBORN)
    supervisor.ensure()
    pid = supervisor.own_pid
    wait_until(lambda: has_said_ready(home, pid), "the worker to ignore SIGTERM")
    key = heartbeat_key(invocation.settings.redis.prefix, f"here:{pid}")
    invocation.runtime.redis.set(key, "")
    monkeypatch.setattr(supervisor_module, "BEYOND_STOP_SECONDS", 0.2)
    supervisor.stop()
    assert not is_alive(pid)
    assert not invocation.runtime.redis.exists(key)


def test_a_worker_has_the_time_that_its_settings_give_it(monkeypatch, home):
    """And somebody who is in a hurry has it hand back, which takes a second signal."""
    stand_in(monkeypatch, FINISHES)
    invocation = Invocation(None, {"worker.shutdown_grace_seconds": "60"})
    invocation.runtime.__dict__["redis"] = fakeredis.FakeRedis()
    monkeypatch.setattr(supervisor_module, "BEYOND_STOP_SECONDS", 0)
    monkeypatch.setattr(supervisor_module, "HURRY_SECONDS", 60)
    supervisor = WorkerSupervisor(invocation, lambda line: None)
    supervisor.ensure()
    pid = supervisor.own_pid
    wait_until(lambda: has_said_ready(home, pid), "the worker")
    log = home / "logs" / f"worker-{pid}.log"
    supervisor.stop(hurry=lambda: "asked 1" in log.read_text())
    invocation.close()
    assert not is_alive(pid)
    assert "asked 2" in log.read_text(), "it was not killed but asked again"


def test_the_command_is_a_celery_worker_with_the_threads_of_the_settings():
    command = worker_process._celery(3)
    assert command[:6] == [sys.executable, "-P", "-m", "celery", "-A", "botticelli"]
    assert command[command.index("--concurrency") + 1] == "3"


def test_old_logs_are_not_kept_for_ever(home):
    folder = home / "logs"
    folder.mkdir(parents=True)
    for number in range(worker_process.MAX_LOGS + 5):
        log = folder / f"worker-{number}.log"
        log.touch()
        os.utime(log, (number, number))
    worker_process._keep_newest(folder)
    assert not (folder / "worker-4.log").exists()
    assert (folder / "worker-5.log").exists()


def test_the_worker_gets_the_settings_of_the_command_line(home, tmp_path):
    config = tmp_path / "other.toml"
    config.write_text('default_model = "echo/other"\n')
    flags = {"worker.threads": "3", "drivers.echo.latency_seconds": "0.5", "providers.echo.default_tier": "small"}
    invocation = Invocation(config, flags)
    assert load_settings(environ=invocation.environment()) == invocation.settings
    assert invocation.settings.worker.threads == 3


@pytest.fixture
def sighup() -> Iterator[None]:
    """As a terminal leaves it; whoever runs the tests with `nohup` has it ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_interruptions_are_counted_and_the_old_handlers_come_back(sighup):
    before = signal.getsignal(signal.SIGTERM)
    with SignalCounter() as interruptions:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
        wait_until(lambda: interruptions.count == 3, "all three to be counted")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_worker_started_for_a_process_that_is_gone_does_not_start(tmp_path):
    command = [sys.executable, "-I", "-S", str(worker_process._PARENT_DEATH), "1", str(tmp_path)]
    done = subprocess.run([*command, sys.executable, "-c", STAYS], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


if sys.platform == "linux":

    def test_the_worker_ends_when_its_parent_is_killed(home):
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env={**os.environ, "STAYS": STAYS}
        )
        with parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            wait_until(lambda: has_said_ready(home, pid), "the worker")
            parent.kill()
        wait_until(lambda: not is_alive(pid), "the worker to end")


PARENT = """
import os, signal, sys
from botticelli.cli.follow import worker_process
from botticelli.cli.base.context import Invocation
worker_process._celery = lambda threads: [sys.executable, "-c", os.environ["STAYS"]]
print(worker_process.WorkerProcess(Invocation(None, {})).pid, flush=True)
signal.pause()
"""
