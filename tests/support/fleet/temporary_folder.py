"""Puts what tests write into memory where the machine has room for it: they make thousands of files and keep none.

A disk's file system spends up to a third of the suite's processor time on the names of files that come and go.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
NEEDED_BYTES = 6 * 1024**3
"""The suite's largest moment with five processes, times four."""


def use_memory() -> None:
    """Have `tempfile`, pytest and all child processes use memory, unless somebody names a folder or there is no room."""
    if not {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"} & os.environ.keys() and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = str(SHARED_MEMORY)


def _has_room() -> bool:
    try:
        folder, memory = os.statvfs(SHARED_MEMORY), Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return False
    usable = os.access(SHARED_MEMORY, os.W_OK | os.X_OK) and not folder.f_flag & os.ST_NOEXEC
    available = next(
        (int(line.split()[1]) * 1024 for line in memory.splitlines() if line.startswith("MemAvailable")), 0
    )
    return usable and min(folder.f_bavail * folder.f_frsize, available) >= NEEDED_BYTES
