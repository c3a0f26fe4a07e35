"""Says up to which time all rows are visible, so that what is counted by time is counted once and completely.

A transaction may commit long after the times that it wrote. A sample of the open transactions tells when all of them have
ended: from then on nothing can appear with a time before the sample.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

MARGIN_SECONDS = 2.0
"""How much earlier a transaction may have begun than it got its number, by which samples know it."""
LONGEST_SECONDS = 300.0
"""Time after which a transaction of another database, or of a person, is not waited for any more."""


class Sample(NamedTuple):
    """The transactions of one moment: the oldest that had not ended, and the number that the next one would get."""

    at: datetime
    oldest: int
    next: int


class Horizon:
    """Keeps the sample that is waited for, in one process."""

    def __init__(self, margin_seconds: float = MARGIN_SECONDS) -> None:
        self._margin = timedelta(seconds=margin_seconds)
        self._awaited: Sample | None = None
        self._passed: datetime | None = None

    def advance(self, sample: Sample) -> datetime | None:
        """Return up to which time all is visible to a statement that begins after the sample; None when unknown yet."""
        awaited = self._awaited or sample
        is_other_server = awaited.next > sample.next
        if sample.oldest >= awaited.next or (sample.at - awaited.at).total_seconds() > LONGEST_SECONDS:
            self._passed = awaited.at - self._margin
            awaited = sample
        self._awaited = sample if is_other_server else awaited
        return self._passed
