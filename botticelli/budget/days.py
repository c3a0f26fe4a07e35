"""Local days in UTC: when they begin, in any IANA zone, daylight saving included. Reads no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_SECONDS = 86_400
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
