"""Computes the nominal times of a schedule in UTC, its exclusions, and when each time is due with its jitter."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from botticelli.schedules.cron_text import fields_of
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.exclusions import Exclusion, read_exclusion

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DueTimes:
    """The nominal times that are due, in order, with the moment at which each was; `next_at` is when the next one is.

    `is_last` is False when more times are due than were asked for.
    """

    times: tuple[tuple[datetime, datetime], ...]
    next_at: datetime | None
    is_last: bool


class Timetable:
    """Computes the times of one definition, which must have been checked."""

    def __init__(self, definition: ScheduleDefinition) -> None:
        self._definition = definition
        self._crons = [fields_of(text) for text in definition.crons]
        self._zone: tzinfo = UTC if definition.timezone == "UTC" else ZoneInfo(definition.timezone)
        self._exclusions: list[Exclusion] = [read_exclusion(text) for text in definition.exclude]

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the nominal times after `moment`, in order, each once; excluded ones too."""
        starts_at, ends_at = self._definition.starts_at, self._definition.ends_at
        if starts_at is not None and starts_at > moment:
            moment = starts_at - timedelta(microseconds=1)
        previous = moment
        for time in self._unbounded(moment):
            if ends_at is not None and time > ends_at:
                return
            if time > previous:
                previous = time
                yield time

    def exclusion_of(self, time: datetime) -> str | None:
        """Return the text of the exclusion that suppresses a nominal time; None when it is not excluded."""
        local = time.astimezone(self._zone)
        return next((exclusion.text for exclusion in self._exclusions if exclusion.suppresses(local)), None)

    def due_at(self, schedule_id: str, time: datetime, following: datetime | None) -> datetime:
        """Return when a nominal time is due: the same in every process, and before the `following` nominal time."""
        jitter_seconds = self._definition.jitter_seconds
        if following is not None:
            jitter_seconds = min(jitter_seconds, (following - time).total_seconds())
        return time + timedelta(seconds=int(jitter_seconds * _fraction(schedule_id, time) * 1000) / 1000)

    def due_between(self, schedule_id: str, last: datetime, now: datetime, limit: int) -> DueTimes:
        """Return up to `limit` times after `last` that are due at `now`."""
        times: list[tuple[datetime, datetime]] = []
        upcoming = self.after(last)
        time = next(upcoming, None)
        while time is not None:
            following = next(upcoming, None)
            due_at = self.due_at(schedule_id, time, following)
            if due_at > now or len(times) == limit:
                return DueTimes(tuple(times), due_at, is_last=due_at > now)
            times.append((time, due_at))
            time = following
        return DueTimes(tuple(times), None, is_last=True)

    def next_due(self, schedule_id: str, last: datetime) -> datetime | None:
        """Return when the first time after `last` is due; None when there is none."""
        time, following = [*islice(self.after(last), 2), None, None][:2]
        return None if time is None else self.due_at(schedule_id, time, following)

    def _unbounded(self, moment: datetime) -> Iterator[datetime]:
        every_seconds = self._definition.every_seconds
        if every_seconds is not None:
            return _regular(moment, self._definition.anchor or EPOCH, every_seconds)
        return heapq.merge(*(self._of_cron(cron, moment) for cron in self._crons))

    def _of_cron(self, cron: str, moment: datetime) -> Iterator[datetime]:
        """Yield local times as UTC. A clock that goes back makes some of them earlier than `moment`."""
        for local in CronSim(cron, moment.astimezone(self._zone)):
            time = local.astimezone(UTC)
            if time > moment:
                yield time


def _regular(moment: datetime, anchor: datetime, every_seconds: float) -> Iterator[datetime]:
    step = timedelta(seconds=every_seconds)
    number = (moment - anchor) // step + 1
    while True:
        yield anchor + number * step
        number += 1


def _fraction(schedule_id: str, time: datetime) -> float:
    """Return a number from 0 up to 1 that depends on schedule and time alone."""
    digest = hashlib.sha256(f"{schedule_id}|{time.astimezone(UTC).isoformat()}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
