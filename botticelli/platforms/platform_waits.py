"""Reads the wait that a platform asks for from a number, a text, a date or an unusable value. Doesn't wait itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

MAX_SECONDS = 3600.0
"""Longest wait that an answer of a platform can cause; then the platform is tried again."""
DEFAULT_WAIT_SECONDS = 1.0


def wait_seconds(body_says: Any, headers: Mapping[str, str]) -> float:
    """Return the wait of an answer in seconds.

    The first figure above 0 in the body or the headers (lower-case names), at most an hour; one second without any.
    """
    for said in (body_says, headers.get("retry-after"), headers.get("x-ratelimit-reset-after")):
        seconds = parse_wait_seconds(said, headers.get("date"))
        if seconds:
            return seconds
    return DEFAULT_WAIT_SECONDS


def parse_wait_seconds(said: Any, date: str | None = None) -> float | None:
    """Parse a finite number, a text with one, or an HTTP date into seconds from 0 to an hour; None for anything else.

    `date` is the sender's own clock, if known.
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
    """Parse a whole number from 0 to `most` in a header; None for anything else."""
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
