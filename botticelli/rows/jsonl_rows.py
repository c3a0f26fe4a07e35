"""Reads rows of JSON Lines: an object in each line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from botticelli.rows.row import BadRow, Row, unstorable

MAX_DEPTH = 100


def read_jsonl(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    """Yield the rows of a text with one JSON object in each line; blank lines are left out."""
    for line, text in enumerate(lines, 1):
        if text and not text.isspace():
            yield parse_row(line, text)


def parse_row(line: int, text: str) -> Row | BadRow:
    """Parse the JSON object of one line."""
    text = text.rstrip("\r\n")
    reason = unstorable(text)
    if reason is not None:
        return BadRow(line, reason)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return BadRow(line, f"is not JSON: {error.msg}", error.colno)
    except (ValueError, RecursionError) as error:
        return BadRow(line, f"is not JSON that can be stored: {error}")
    if not isinstance(value, dict):
        return BadRow(line, "is not a JSON object; write one object in each line", 1)
    return row_of(line, value, is_checked="\\u" not in text and text.count("{") + text.count("[") < MAX_DEPTH)


def row_of(line: int, values: dict[str, Any], *, is_checked: bool = False) -> Row | BadRow:
    """Return a row of JSON values; a bad one when it can't be stored."""
    if not values:
        return BadRow(line, "has no columns")
    reason = None if is_checked else _unstorable_value(values, 0)
    return Row(line, values) if reason is None else BadRow(line, reason)


def _unstorable_value(value: Any, depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"is nested more than {MAX_DEPTH} levels deep"
    match value:
        case str():
            return unstorable(value)
        case bool() | int() | None:
            return None
        case float():
            return None if math.isfinite(value) else f"contains {value}, which is not JSON"
        case dict():
            odd = next((key for key in value if not isinstance(key, str)), None)
            if odd is not None:
                return f"has the column {odd!r}, which is not a string"
            parts = [*value, *value.values()]
        case list() | tuple():
            parts = [*value]
        case _:
            return f"contains a {type(value).__name__}, which is not JSON"
    return next((reason for part in parts if (reason := _unstorable_value(part, depth + 1))), None)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
"""Made once: a decoder for each row would take as long as reading it."""
