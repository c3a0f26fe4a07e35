"""Local days and months in UTC: when they begin, in any IANA zone, daylight saving included. Reads no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_SECONDS = 86_400
MONTH_SECONDS = 2_678_400
"""A month of 31 days: the period by which a window of a calendar month is named."""
HOUR_MS = 3_600_000


@lru_cache(maxsize=256)
def is_zone(name: str) -> bool:
    """Whether there is such a zone on this machine."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def midnights(zone: str, around_ms: int) -> tuple[int, ...]:
    """The beginnings of yesterday, today and the next three local days, in ms since the epoch."""
    return _midnights(zone, around_ms // HOUR_MS)


@lru_cache(maxsize=256)
def _midnights(zone: str, hour: int) -> tuple[int, ...]:
    place = ZoneInfo(zone)
    today = datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).astimezone(place).date()
    days = [today + timedelta(days=n) for n in (-1, 0, 1, 2, 3)]
    return tuple(round(datetime(d.year, d.month, d.day, tzinfo=place).timestamp() * 1000) for d in days)


def month_starts(zone: str, around_ms: int) -> tuple[int, ...]:
    """The beginnings of last month, this one and the next two, in local time, in ms since the epoch."""
    return _month_starts(zone, around_ms // HOUR_MS)


@lru_cache(maxsize=256)
def _month_starts(zone: str, hour: int) -> tuple[int, ...]:
    place = ZoneInfo(zone)
    today = datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).astimezone(place)
    months = [divmod(today.year * 12 + today.month - 1 + n, 12) for n in (-1, 0, 1, 2)]
    return tuple(round(datetime(year, month + 1, 1, tzinfo=place).timestamp() * 1000) for year, month in months)
