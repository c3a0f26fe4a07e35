"""Parses times as users write them: `30m`, `2h`, `7d` relative to this machine's clock, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SPAN = re.compile(r"(\d{1,6})([smhd])")


def past(ctx: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """Parse an option as a time in the past: a duration before now, or ISO 8601 (local without a zone)."""
    return None if text is None else _moment(ctx, parameter, text, -1)


def ahead(ctx: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """Parse an option as a time in the future: a duration from now, or ISO 8601 (local without a zone)."""
    moment = None if text is None else _moment(ctx, parameter, text, 1)
    if moment is not None and moment <= datetime.now(UTC):
        raise click.BadParameter(f"{text!r} is not in the future", ctx, parameter)
    return moment


def _moment(ctx: click.Context, parameter: click.Parameter, text: str, sign: int) -> datetime:
    span = SPAN.fullmatch(text)
    if span:
        return datetime.now(UTC) + timedelta(seconds=sign * int(span[1]) * UNITS[span[2]])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{text!r} is neither a duration (30m, 2h, 7d) nor a date (2026-01-31T12:00)"
        raise click.BadParameter(message, ctx, parameter) from None
