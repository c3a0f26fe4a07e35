"""Checks whether a disk has room for a new file or cluster. Frees nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from botticelli.errors import ServiceUnavailable

BYTES_PER_MB = 1_000_000


def require_room(folder: Path, needed_mb: int, purpose: str) -> None:
    """Raise ServiceUnavailable with both figures when the disk of `folder`, which need not exist yet, has less room."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free_mb = shutil.disk_usage(existing).free // BYTES_PER_MB
    if free_mb < needed_mb:
        raise ServiceUnavailable(
            f"{purpose} needs {needed_mb} MB, and {free_mb} MB are free there",
            where=str(folder),
            do="make room, or name a folder of another disk with BOTTICELLI_HOME",
        )


def real_reason(output: str) -> str:
    """Return the line of a program's output that says why it ended: the first error it names, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marks = ("error:", "fatal:", "panic:", "could not", "no space")
    named = [line for line in lines if any(mark in line.lower() for mark in marks)]
    return next(iter([*named, *lines[-1:]]), "it printed nothing")
