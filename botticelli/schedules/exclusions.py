"""Reads the exclusions of a schedule, and says which of them suppresses a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from botticelli.schedules.cron_text import InvalidCron, fields_of, matches

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
RANGE = ".."


class InvalidExclusion(ValueError):
    """The text is neither a day, nor a range of days, nor a cron expression."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Suppresses the times of some days (`first` to `last`, both included), or those that a cron expression matches."""

    text: str
    first: date | None = None
    last: date | None = None
    cron: str | None = None

    def suppresses(self, local: datetime) -> bool:
        if self.first is not None and self.last is not None:
            return self.first <= local.date() <= self.last
        return self.cron is not None and matches(self.cron, local)


def read_exclusion(text: str) -> Exclusion:
    """Read one exclusion. Raises InvalidExclusion."""
    first, is_range, last = text.partition(RANGE)
    if _DAY.fullmatch(first.strip()):
        days = _day(first), _day(last if is_range else first)
        if days[0] > days[1]:
            raise InvalidExclusion("ends before it begins")
        return Exclusion(text, *days)
    try:
        return Exclusion(text, cron=fields_of(text))
    except InvalidCron:
        raise InvalidExclusion("is neither a day, nor days A..B, nor a cron expression of five fields") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidExclusion("has a day that doesn't exist") from None
