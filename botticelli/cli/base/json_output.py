"""Prints values of the engine as JSON lines: Decimal as a number, times in ISO 8601 with microseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click


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


def as_json(value: Any) -> str:
    """Encode as one line of ASCII, which every terminal and encoding can show."""
    return json.dumps(plain(value))


def print_json(value: Any) -> None:
    click.echo(as_json(value))
