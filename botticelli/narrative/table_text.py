"""Formats rows as text for a model: JSON, a Markdown table or CSV. Queries no table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from botticelli.narrative.model import TableInput
from botticelli.telemetry.plain_values import json_value


def jsonable(value: Any) -> Any:
    """Convert a value of Postgres to JSON: dates in ISO 8601, durations in seconds, decimals as numbers, the rest as text."""
    return json_value(value, _text)


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(bytes(value)):,} bytes)"
    return str(value)


def format_rows(input_: TableInput, rows: Sequence[dict[str, Any]]) -> str:
    """Format rows as the input asks for, under its alias if it has one."""
    body = _WRITERS[input_.format](rows)
    return f"{input_.alias}:\n{body}" if input_.alias else body


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False)


def _markdown(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "(no rows)"
    lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
    lines += [" | ".join(_cell(value) for value in row.values()) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(_plain(value).replace("|", "\\|").split())


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([list(row) for row in rows[:1]])
    writer.writerows([_plain(value) for value in row.values()] for row in rows)
    return text.getvalue().rstrip("\n") or "(no rows)"


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_WRITERS = {"json": _json, "markdown": _markdown, "csv": _csv}
