"""Gives the data of the embedded Redis an id, which changes when anything may have been lost. Reads and writes no key.

A server whose predecessor stopped in good order, and whose files are unchanged since, has the data of its predecessor and
the same id. A killed server may lack the last second, and a copy put in its place may lack anything: a new id.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from botticelli.services.files.paths import Paths


def note_stop(paths: Paths) -> None:
    """Record that the server ended in good order. Raises OSError when the note can't be written."""
    note = {"data_id": _data_id(paths), "files": _files(paths)}
    _stopped(paths).write_text(json.dumps(note))


def note_start(paths: Paths) -> None:
    """Record the id of the data before a start. Holds for the whole life of the server."""
    _running(paths).unlink(missing_ok=True)
    note = _read(_stopped(paths))
    _stopped(paths).unlink(missing_ok=True)
    is_complete = note is not None and note.get("files") == _files(paths)
    data_id = note.get("data_id") if note and is_complete else None
    _running(paths).write_text(json.dumps({"data_id": data_id or uuid.uuid4().hex}))


def data_id(home: Path) -> str | None:
    """Return the id of the data of the running server; None when unknown."""
    return _data_id(Paths(home))


def _data_id(paths: Paths) -> str | None:
    note = _read(_running(paths))
    return str(note["data_id"]) if note else None


def _stopped(paths: Paths) -> Path:
    return paths.root / "redis.stopped"


def _running(paths: Paths) -> Path:
    return paths.root / "redis.running"


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
