"""The processes that have files open, as a test names those that don't end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.fleet.lock_holders import openers


def test_process_with_an_open_lock_is_named_with_its_command_line(tmp_path: Path) -> None:
    lock, closed = tmp_path / "keeper.lock", tmp_path / "users.lock"
    closed.touch()
    with lock.open("w"):
        lines = openers([lock, closed])
    assert len(lines) == Path("/proc/self/fd").exists()
    assert all(line.startswith(f"keeper.lock is open in process {os.getpid()}: ") for line in lines)
    assert all(Path(sys.executable).name in line for line in lines)
    assert openers([lock, closed]) == []
