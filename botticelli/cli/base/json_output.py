"""Prints results: lines for people, or values of the engine as JSON.

Decimal becomes a number, times are in ISO 8601 with microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import click

from botticelli.telemetry.plain_values import plain

__all__ = ["Lines", "Text", "as_json", "emit", "plain", "print_json"]

Text = str | Iterable[str]
Lines = Text | Callable[[], Text]


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
