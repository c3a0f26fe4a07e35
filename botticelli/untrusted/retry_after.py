"""Parses how long a server asks to wait, in any form: seconds, a duration, a point in time, a sentence.

Every result is finite and within [0, LONGEST_SECONDS], or None for what is not a wait.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST_SECONDS = 2 * 86_400.0
LONGEST_TEXT = 80
LONGEST_MESSAGE = 4_000
OLDEST_EPOCH_SECONDS = 1e9
"""September 2001. A number this large is a point in time: as a duration it would be 31 years."""
EPOCH_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
"""Upper bounds of points in time counted in seconds, milliseconds, microseconds and nanoseconds, with the divisor of each."""

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
ISO_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}[^\s,;)]*", re.ASCII | re.IGNORECASE)
ISO_DURATION = re.compile(r"P(?=[\dT])(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?", re.ASCII | re.IGNORECASE)
CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):([0-5]\d(?:\.\d+)?)", re.ASCII)
PART = re.compile(r"\s*(?:,|and\b)?\s*(\d+(?:\.\d+)?)\s*([a-zµ]+)", re.ASCII | re.IGNORECASE)
BARE = re.compile(r"(\d+(?:\.\d+)?)(?=\s*(?:[.,;)]|$))", re.ASCII)
LEAD = re.compile(r"\b(?:try|trying|retry|retrying|wait|available|resets?)\b[a-z ]{0,30}?(?=\d)", re.IGNORECASE)
SECONDS = {
    **dict.fromkeys(("ns", "nanosecond"), 1e-9),
    **dict.fromkeys(("us", "µs", "microsecond"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millisecond"), 1e-3),
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86_400.0),
}


def wait_seconds(value: Any, now: datetime, *, unit_seconds: float = 1.0) -> float | None:
    """Parse a number or a text: seconds (or `unit_seconds`), a duration (`6m0s`), or a time (RFC 9110, ISO 8601, Unix).

    A time without a zone is UTC. Returns None for anything else, NaN and infinity; a negative wait is 0.
    """
    if isinstance(value, str):
        return _of_text(value.strip(" \t;\"'"), now, unit_seconds)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value, now, unit_seconds)
    return None


def said_in(message: str, now: datetime) -> float | None:
    """Return the wait that a sentence names ("Please try again in 1m20s."), or None."""
    message = message[:LONGEST_MESSAGE]
    for lead in LEAD.finditer(message):
        rest = message[lead.end() : lead.end() + LONGEST_TEXT]
        if moment := ISO_MOMENT.match(rest):
            return _of_moment(moment[0].rstrip("."), now)
        seconds, end = _leading_duration(rest)
        if end:
            return bounded(seconds)
        if bare := BARE.match(rest):
            return wait_seconds(bare[1], now)
    return None


def bounded(seconds: float) -> float | None:
    """Clamp a wait to [0, LONGEST_SECONDS]; None for NaN and infinity."""
    return min(max(seconds, 0.0), LONGEST_SECONDS) if math.isfinite(seconds) else None


def _of_text(text: str, now: datetime, unit_seconds: float) -> float | None:
    if not text or len(text) > LONGEST_TEXT:
        return None
    if NUMBER.fullmatch(text):
        return _of_number(float(text), now, unit_seconds)
    if clock := CLOCK.fullmatch(text):
        return bounded(int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3]))
    if ISO_DURATION.fullmatch(text):
        text = text[1:].upper().replace("T", "")
    seconds, end = _leading_duration(text)
    if end and end == len(text):
        return bounded(seconds)
    moment = _of_moment(text, now)
    return _of_list(text, now, unit_seconds) if moment is None else moment


def _of_list(text: str, now: datetime, unit_seconds: float) -> float | None:
    """Return the longest wait of a list: a header that was sent several times arrives as one."""
    parts = [part.strip() for part in text.split(",")]
    waits = [_of_text(part, now, unit_seconds) for part in parts] if len(parts) > 1 else []
    return max((wait for wait in waits if wait is not None), default=None)


def _of_number(value: float, now: datetime, unit_seconds: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number):
        return None
    if number >= OLDEST_EPOCH_SECONDS:
        scale = next((scale for below, scale in EPOCH_UNITS if number < below), None)
        return None if scale is None else bounded(number / scale - now.timestamp())
    return bounded(number * unit_seconds)


def _leading_duration(text: str) -> tuple[float, int]:
    """Return the duration at the start of a text in seconds, and where it ends; the end is 0 if there is none."""
    seconds, end = 0.0, 0
    while part := PART.match(text, end):
        name = part[2].lower()
        unit = SECONDS.get(name) or SECONDS.get(name.removesuffix("s"))
        if unit is None:
            break
        seconds, end = seconds + float(part[1]) * unit, part.end()
    return seconds, end


def _of_moment(text: str, now: datetime) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            return bounded((moment - now).total_seconds())
        except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
            continue
    return None
