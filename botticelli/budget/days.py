"""Computes when days and months begin in a time zone, daylight saving included. Reads no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_SECONDS = 86_400
MONTH_SECONDS = 2_678_400
"""Period in the name of a calendar month's window: 31 days."""
HOUR_MS = 3_600_000


@lru_cache(maxsize=256)
def is_zone(name: str) -> bool:
    """Return whether this machine knows a time zone of this IANA name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def midnights(zone: str, around_ms: int) -> tuple[int, ...]:
    """Return when yesterday, today and the next three local days begin, in ms since the epoch."""
    return _midnights(zone, around_ms // HOUR_MS)


@lru_cache(maxsize=256)
def _midnights(zone: str, hour: int) -> tuple[int, ...]:
    place = ZoneInfo(zone)
    today = datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).astimezone(place).date()
    days = [today + timedelta(days=n) for n in (-1, 0, 1, 2, 3)]
    return tuple(round(datetime(d.year, d.month, d.day, tzinfo=place).timestamp() * 1000) for d in days)


def month_starts(zone: str, around_ms: int) -> tuple[int, ...]:
    """Return when the last, the present and the next two local months begin, in ms since the epoch."""
    return _month_starts(zone, around_ms // HOUR_MS)


@lru_cache(maxsize=256)
def _month_starts(zone: str, hour: int) -> tuple[int, ...]:
    place = ZoneInfo(zone)
    today = datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).astimezone(place)
    months = [divmod(today.year * 12 + today.month - 1 + n, 12) for n in (-1, 0, 1, 2)]
    return tuple(round(datetime(year, month + 1, 1, tzinfo=place).timestamp() * 1000) for year, month in months)
