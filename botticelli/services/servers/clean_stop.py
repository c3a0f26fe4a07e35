"""Whether the embedded Redis has all that it had before its last stop. Notes of the keeper; reads and writes no key.

A server that was stopped in good order, and whose files nobody has touched since, goes on where it was. One that was
killed may lack the last second, and a copy that was put in its place may lack anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botticelli.services.files.paths import Paths


def note_stop(paths: Paths, run_id: str) -> None:
    """The server with this run id has ended in good order. OSError when that can't be written down."""
    _stopped(paths).write_text(json.dumps({"run_id": run_id, "files": _files(paths)}))


def note_start(paths: Paths) -> None:
    """A server is about to start: whose data does it have whole? Holds for its whole life."""
    _continued(paths).unlink(missing_ok=True)
    note = _read(_stopped(paths))
    _stopped(paths).unlink(missing_ok=True)
    if note and note.get("files") == _files(paths):
        _continued(paths).write_text(json.dumps(note))


def continued(home: Path) -> str | None:
    """The run id of the server whose data the running one has whole; None: of none, or nobody knows."""
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
    """What tells these files from any copy of them."""
    found = [(file, file.stat()) for file in sorted(paths.data("redis").rglob("*.aof"))]
    return [[file.name, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns] for file, one in found]
