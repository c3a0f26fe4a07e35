"""Computes the age of published limits from their date. Reads no clock."""

from __future__ import annotations

import calendar
import re
from datetime import date

MAX_DAYS = 90
"""Age above which figures count as old: providers change them several times a year."""
AS_OF = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)


def age_days(as_of: str | None, today: date) -> int | None:
    """Return the age of figures in days; None without a date. A month or a year counts from its last day."""
    parts = AS_OF.fullmatch((as_of or "").strip())
    if parts is None:
        return None
    year, month = int(parts[1]), int(parts[2] or 12)
    try:
        day = int(parts[3] or calendar.monthrange(year, month)[1])
        return max(0, (today - date(year, month, day)).days)
    except (ValueError, calendar.IllegalMonthError):
        return None


def is_old(as_of: str | None, today: date) -> bool:
    """Return whether figures are older than MAX_DAYS."""
    age = age_days(as_of, today)
    return age is not None and age > MAX_DAYS
