"""The server that runs commands of tests: shared by the processes of one run, and gone after the last of them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from tests.support import forks
from tests.support.fleet.command_server import ROOT, USERS, _is_used, command_folder
from tests.support.fleet.lock_holders import openers

ASK = "from tests.support.fleet.command_server import command_folder; print(command_folder())"


def test_server_is_used_until_the_last_process_lets_go(tmp_path: Path) -> None:
    server, *users = (os.open(tmp_path / USERS, os.O_RDWR | os.O_CREAT) for _ in range(3))
    for user in users:
        fcntl.flock(user, fcntl.LOCK_SH)
    assert _is_used(server)
    os.close(users[0])
    assert _is_used(server)
    os.close(users[1])
    assert not _is_used(server)
    os.close(server)


def test_second_process_of_a_run_shares_the_server() -> None:
    folder = command_folder()
    before = (folder / forks.ADDRESS).stat().st_ino
    run = folder.name.removeprefix("commands-")
    environ = {**os.environ, "PYTEST_XDIST_TESTRUNUID": run}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(folder)
    assert (folder / forks.ADDRESS).stat().st_ino == before
    assert (folder / "botticelli").exists()


def test_process_with_an_open_lock_is_named_with_its_command_line(tmp_path: Path) -> None:
    lock, closed = tmp_path / "keeper.lock", tmp_path / "users.lock"
    closed.touch()
    with lock.open("w"):
        lines = openers([lock, closed])
    assert len(lines) == Path("/proc/self/fd").exists()
    assert all(line.startswith(f"keeper.lock is open in process {os.getpid()}: ") for line in lines)
    assert all(Path(sys.executable).name in line for line in lines)
    assert openers([lock, closed]) == []
