"""Reads times that others write as UTC, within years that every sum with a time and every table can hold."""

from __future__ import annotations

from datetime import UTC, datetime

YEARS = (1970, 2200)
OUTSIDE = f"must be between the years {YEARS[0]} and {YEARS[1]}"


def in_utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is UTC. ValueError for one outside of YEARS."""
    try:
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(OUTSIDE) from None
    if not YEARS[0] <= aware.year <= YEARS[1]:
        raise ValueError(OUTSIDE)
    return aware
