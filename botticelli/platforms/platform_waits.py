"""Reads the wait that a platform asks for, from any value: a number, a text, a date, nonsense. Waits for nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

MAX_SECONDS = 3600.0
"""No platform's word closes anything for longer: then it is asked again."""
UNSAID_SECONDS = 1.0


def wait_seconds(body_says: Any, headers: Mapping[str, str]) -> float:
    """Read how long to wait from an answer.

    The first figure above 0 of the body and of the headers (lower-case names), up to an hour; a second when nobody says
    one.
    """
    for said in (body_says, headers.get("retry-after"), headers.get("x-ratelimit-reset-after")):
        seconds = usable_seconds(said, headers.get("date"))
        if seconds:
            return seconds
    return UNSAID_SECONDS


def usable_seconds(said: Any, date: str | None = None) -> float | None:
    """Read a wait as seconds from 0 to an hour; None for anything else.

    A finite number, a text with one, or an HTTP date, as seconds from 0 to an hour; None for anything else. `date` is
    the sender's own clock, where it is known.
    """
    seconds: float | None = None
    if isinstance(said, int | float) and not isinstance(said, bool):
        seconds = float(max(min(said, MAX_SECONDS), -MAX_SECONDS))
    elif isinstance(said, str) and len(said) <= 64:
        seconds = _number(said)
        if seconds is None and (moment := _moment(said)) is not None:
            seconds = (moment - (_moment(date) or datetime.now(UTC))).total_seconds()
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), MAX_SECONDS)


def whole_number(text: str | None, most: int) -> int | None:
    """Read a whole number from a header; None for anything but digits that make at most `most`."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        return None
    return int(text)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
