"""Converts values of the engine to plain JSON values, for the command line and the HTTP door alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """Convert dataclasses, mappings, sets, times, decimals and paths to plain JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, Path) else value


def jsonable_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a row to JSON values, dates as ISO 8601 texts."""
    return {name: value.isoformat() if hasattr(value, "isoformat") else plain(value) for name, value in row.items()}


def json_value(value: Any, rest: Callable[[Any], Any]) -> Any:
    """Convert a value of Postgres or Arrow: times to ISO 8601, durations to seconds, decimals to numbers.

    `rest` converts values of other types.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case dict():
            return {str(key): json_value(inner, rest) for key, inner in value.items()}
        case list() | tuple():
            return [json_value(item, rest) for item in value]
        case _:
            return rest(value)
