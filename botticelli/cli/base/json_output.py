"""Prints results: lines for people, or values of the engine as JSON.

Decimal becomes a number, times are in ISO 8601 with microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

Text = str | Iterable[str]
Lines = Text | Callable[[], Text]


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


def emit(value: Any, lines: Lines, *, as_json: bool, empty: str | None = None) -> None:
    """Print the value as JSON, or `lines` for people, which are escaped where they are made.

    A function of lines is called only when they are printed. `empty` is said on stderr instead when the value is empty.
    """
    if as_json:
        print_json(value)
    elif empty is not None and not value:
        click.echo(empty, err=True)
    else:
        text = lines() if callable(lines) else lines
        click.echo(text if isinstance(text, str) else "\n".join(text))
