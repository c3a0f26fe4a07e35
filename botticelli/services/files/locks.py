"""Advisory locks (flock) on files: take one without waiting, see whether one is held, count the holders. Never waits.

A flock belongs to the open file: a forked child shares it, exec drops it (unless the descriptor is passed on
deliberately), and the kernel releases it when the last holder is gone, however it ended. No other bookkeeping is
needed.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

EXCLUSIVE = fcntl.LOCK_EX
SHARED = fcntl.LOCK_SH


def open_lock(path: Path) -> int:
    """Open `path` for locking (closed on exec). Creates the file, but not its folder (FileNotFoundError)."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def take(lock: int, kind: int) -> bool:
    """Try to take the lock, SHARED or EXCLUSIVE, at once; return whether it was taken. Replaces a kind already held."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def give_back(lock: int) -> None:
    """Release for every process that shares this descriptor; to release one's own share only, close it."""
    fcntl.flock(lock, fcntl.LOCK_UN)


def is_held(path: Path) -> bool:
    """Whether a process holds `path` exclusively. Creates no file; a path that does not exist is not held."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _is_free(lock, SHARED)
    finally:
        os.close(lock)


def sharers(path: Path) -> int | None:
    """Count the holders of `path` in shared mode (a process and its forked children count once).

    None when they can't be counted.
    """
    if not path.exists():
        return 0
    counted = _listed_by_kernel(path)
    if counted:
        return counted
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return 0 if _is_free(lock, EXCLUSIVE) or not _is_free(lock, SHARED) else None
    finally:
        os.close(lock)


def _is_free(lock: int, kind: int) -> bool:
    """Try the lock and release it explicitly, so that a child forked by another thread does not keep it."""
    free = take(lock, kind)
    if free:
        give_back(lock)
    return free


def _listed_by_kernel(path: Path) -> int:
    """Count the lines of /proc/locks for this file; 0 without /proc.

    A line is like `1: FLOCK  ADVISORY  READ  812 fe:00:131 0 EOF`.
    """
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return 0
    file = path.stat()
    name = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    return sum(words[1:4:2] == ["FLOCK", "READ"] and words[5] == name for words in map(str.split, lines))
