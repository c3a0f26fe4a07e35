"""Checks times that a caller gives, whichever door they come through."""

from __future__ import annotations

from datetime import datetime

from botticelli.errors import InvalidInput
from botticelli.untrusted.utc_times import in_utc


def checked_time(moment: datetime, name: str) -> datetime:
    """Return a time in UTC. InvalidInput for one of a year that no clock of ours reaches."""
    try:
        return in_utc(moment)
    except ValueError as error:
        raise InvalidInput(f"{name} {error}") from None


def future_time(moment: datetime | None, now: datetime, name: str) -> datetime | None:
    """Return a time in UTC, or None. InvalidInput for one that is over."""
    if moment is None:
        return None
    checked = checked_time(moment, name)
    if checked <= now:
        raise InvalidInput(f"{name} is not in the future", do=f"it is {now.isoformat(timespec='seconds')} now")
    return checked
