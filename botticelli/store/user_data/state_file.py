"""Reads the file format of `state export` and `state import`, strictly: one JSON object per line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from botticelli.errors import InvalidInput

FIELDS = ("key", "value", "created_at", "updated_at", "expires_at", "metadata")
"""Fields of a line of an export."""


def entries_in(data: bytes, name: str) -> list[dict[str, Any]]:
    """Return the entries of an export. InvalidInput with the number of the first invalid line."""
    entries: dict[str, tuple[int, dict[str, Any]]] = {}
    for line_number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{name}:{line_number}"
        try:
            entry = _entry(line)
        except InvalidInput as error:
            problem = f"{error.where}: {error.what}" if error.where else error.what
            raise InvalidInput(problem, where=where, do=error.do) from None
        key = entry["key"]
        if key in entries:
            raise InvalidInput(f"key {key!r} is also on line {entries[key][0]}", where=where, do="keep one of them")
        entries[key] = line_number, entry
    return [entry for _, entry in entries.values()]


def _entry(line: bytes) -> dict[str, Any]:
    """Parse and check one line of an export. InvalidInput."""
    from botticelli.store.user_data.state import check_key

    try:
        entry = storable_json(line)
    except ValueError as error:
        fault = str(error).replace(" line 1", "")
        raise InvalidInput(f"not valid JSON: {fault}", do="write one JSON object on each line") from None
    if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or "value" not in entry:
        raise InvalidInput("not a JSON object with a key (text) and a value", do="compare it with an export")
    if unknown := sorted(entry.keys() - set(FIELDS)):
        raise InvalidInput(f"there is no field {unknown[0]!r}", do=f"fields are {', '.join(FIELDS)}")
    check_key(entry["key"])
    for name in ("created_at", "updated_at", "expires_at"):
        if entry.get(name) is not None:
            entry[name] = _moment(name, entry[name])
    if not isinstance(entry.get("metadata", {}), dict):
        raise InvalidInput("metadata must be a JSON object", do="write {}")
    return entry


def _moment(name: str, text: object) -> str:
    """Parse a date with a time zone, in the years 2 to 9998, into UTC. InvalidInput."""
    try:
        date = datetime.fromisoformat(str(text))
        if date.tzinfo is not None and 1 < date.year < 9999:
            return date.astimezone(UTC).isoformat()
    except ValueError:
        pass
    raise InvalidInput(f"{name} must be a date with a time zone", do="write it like 2026-01-31T12:00:00+00:00")


def storable_json(text: str | bytes) -> Any:
    """Parse JSON that Postgres can store: no NaN, no number beyond a float, limited nesting. ValueError."""
    from pydantic_core import from_json

    value = from_json(text, allow_inf_nan=False)
    json.dumps(value, allow_nan=False)
    return value
