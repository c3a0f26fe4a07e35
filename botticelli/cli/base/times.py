"""Parses durations and times of options: `30m`, `2h`, `7d` relative to this machine's clock, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from botticelli.untrusted.durations import FORMS, MAX_SECONDS, parse_seconds

_COMPACT_DATE = re.compile(r"[0-9]{8}")
"""A date as 20260131, which is not taken for a number of seconds."""


class Duration(click.ParamType):  # type: ignore[type-arg]  # only generic in newer releases
    """Parses `90`, `45s`, `1h30m`, `3d` or `2w` into seconds, up to 100 years.

    `whole` refuses fractions of a second and gives an int; `zero` allows 0.
    """

    name = "duration"

    def __init__(self, *, whole: bool = False, zero: bool = False) -> None:
        self.whole = whole
        self.zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return value
        seconds = parse_seconds(value)
        if seconds is None:
            self.fail(f"{value!r} is not a duration ({FORMS})", param, ctx)
        if seconds > MAX_SECONDS:
            self.fail(f"{value!r} is longer than 100 years", param, ctx)
        if seconds == 0 and not self.zero:
            self.fail(f"{value!r} must be longer than 0 seconds", param, ctx)
        if self.whole and seconds != int(seconds):
            self.fail(f"{value!r} is not in whole seconds", param, ctx)
        return int(seconds) if self.whole else seconds


class Moment(click.ParamType):  # type: ignore[type-arg]  # only generic in newer releases
    """Parses a duration before or after now, or a date in ISO 8601 (local without a zone), into a time in UTC."""

    name = "when"

    def __init__(self, *, is_future: bool) -> None:
        self.is_future = is_future

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        seconds = None if _COMPACT_DATE.fullmatch(value) else parse_seconds(value)
        if seconds is not None and seconds > MAX_SECONDS:
            self.fail(f"{value!r} is longer than 100 years", param, ctx)
        now = datetime.now(UTC)
        try:
            moment = (
                _date(value) if seconds is None else now + timedelta(seconds=seconds if self.is_future else -seconds)
            )
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a duration ({FORMS}) nor a date (2026-01-31T12:00)", param, ctx)
        if self.is_future and moment <= now:
            self.fail(f"{value!r} is not in the future", param, ctx)
        return moment


PAST = Moment(is_future=False)
AHEAD = Moment(is_future=True)


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
