"""Reads the times of requests as UTC: Postgres takes no offset of 16 hours or more, which others allow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator


def in_utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is UTC. ValueError for one that has no year in UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is before the year 1 or after the year 9999 in UTC") from None


Moment = Annotated[datetime, AfterValidator(in_utc)]
"""A time of a request."""
