"""Records whether the embedded Redis still has all data from before its last stop. Reads and writes no key.

A server that stopped in good order, and whose files are unchanged since, continues where it was. A killed server may
lack the last second, and a copy put in its place may lack anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botticelli.services.files.paths import Paths


def note_stop(paths: Paths, run_id: str) -> None:
    """Record that the server with this run id ended in good order. Raises OSError when the note can't be written."""
    _stopped(paths).write_text(json.dumps({"run_id": run_id, "files": _files(paths)}))


def note_start(paths: Paths) -> None:
    """Record before a start whose data the server will have completely. Holds for its whole life."""
    _continued(paths).unlink(missing_ok=True)
    note = _read(_stopped(paths))
    _stopped(paths).unlink(missing_ok=True)
    if note and note.get("files") == _files(paths):
        _continued(paths).write_text(json.dumps(note))


def continued(home: Path) -> str | None:
    """Return the run id of the server whose data the running one has completely; None when unknown or none."""
    note = _read(_continued(Paths(home)))
    return str(note["run_id"]) if note else None


def _stopped(paths: Paths) -> Path:
    return paths.root / "redis.stopped"


def _continued(paths: Paths) -> Path:
    return paths.root / "redis.continued"


def _read(note: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(note.read_text()))
    except (OSError, ValueError):
        return None


def _files(paths: Paths) -> list[list[str | int]]:
    """Return names, inodes, sizes and times, which tell these files from any copy of them."""
    files = [(file, file.stat()) for file in sorted(paths.data("redis").rglob("*.aof"))]
    return [
        [file.name, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns] for file, status in files
    ]
