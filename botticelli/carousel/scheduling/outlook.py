"""Answers what a schedule will do, and why it did what it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from botticelli.runtime.process import Runtime
from botticelli.schedules.timetable import Timetable
from botticelli.security.time_checks import checked_time
from botticelli.statuses import ScheduleStatus
from botticelli.store import FiringView, Schedule

NEAR, LOOKED_AT = timedelta(minutes=2), 500
"""A time that is asked about means a nominal time this close."""


@dataclass(frozen=True, slots=True)
class UpcomingTime:
    """A nominal time ahead, in UTC and in the schedule's zone, and when it is due; an excluded one fires nothing."""

    nominal_at: datetime
    local: str
    due_at: datetime
    excluded_by: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule as it stands."""

    schedule: Schedule
    status: ScheduleStatus
    running: tuple[str, ...]
    buffered: tuple[datetime, ...]
    firings: tuple[FiringView, ...]


@dataclass(frozen=True, slots=True)
class ScheduleReasons:
    """Why a schedule did what it did: a line about it as it stands, and its firings, the newest first."""

    name: str
    line: str
    firings: tuple[FiringView, ...]


def status_of(schedule: Schedule) -> ScheduleStatus:
    """Return the status of a schedule."""
    if schedule.paused_at is not None:
        return "paused"
    return "ended" if schedule.next_at is None else "active"


def view_schedule(runtime: Runtime, name: str, *, firings: int = 10) -> ScheduleView:
    """Read a schedule with what is going on. Raises NotFound."""
    with runtime.store.transaction() as tx:
        schedule = tx.schedules.named(name)
        backlog = tx.firings.backlog(schedule.id)
        return ScheduleView(
            schedule,
            status_of(schedule),
            tuple(backlog.runs),
            tuple(firing.nominal_at for firing in backlog.buffered),
            tuple(tx.firings.recent(schedule.id, limit=firings)),
        )


def list_schedules(runtime: Runtime) -> list[Schedule]:
    with runtime.store.transaction() as tx:
        return tx.schedules.all()


def upcoming(runtime: Runtime, name: str, count: int) -> list[UpcomingTime]:
    """List the next nominal times of a schedule, excluded ones too. A pause and `max_runs` are not considered."""
    with runtime.store.transaction() as tx:
        schedule = tx.schedules.named(name)
    return times_ahead(schedule, max(schedule.last_nominal, schedule.now), count)


def times_ahead(schedule: Schedule, moment: datetime, count: int) -> list[UpcomingTime]:
    """List the next nominal times after `moment`."""
    table, zone = Timetable(schedule.definition), ZoneInfo(schedule.timezone)
    times: list[datetime | None] = [*islice(table.after(moment), count + 1)]
    times += [None] * (len(times) <= count)
    ahead = []
    for time, following in pairwise(times):
        if time is not None:
            due_at = table.due_at(schedule.id, time, following)
            local = time.astimezone(zone).isoformat(timespec="seconds")
            ahead.append(UpcomingTime(time, local, due_at, table.exclusion_of(time)))
    return ahead


def reasons(runtime: Runtime, name: str, *, at: datetime | None = None, limit: int = 10) -> ScheduleReasons:
    """Explain the newest firings of a schedule, or what became of the time `at`. Raises NotFound, InvalidInput."""
    at = None if at is None else checked_time(at, "at")
    with runtime.store.transaction() as tx:
        schedule = tx.schedules.named(name)
        if at is None:
            return ScheduleReasons(name, _as_it_stands(schedule), tuple(tx.firings.recent(schedule.id, limit=limit)))
        near = tx.firings.recent(schedule.id, since=at - NEAR, until=at + NEAR, limit=limit)
    line = _of_time(schedule, at) if not near else _as_it_stands(schedule)
    return ScheduleReasons(name, line, tuple(near))


def _as_it_stands(schedule: Schedule) -> str:
    status = status_of(schedule)
    if status == "paused":
        return f"{schedule.pause}, since {_text(schedule.paused_at)}"
    if status == "ended":
        has_run_all = schedule.remaining == 0
        return f"ended: it has started its {schedule.max_runs:,} runs" if has_run_all else "ended: no time is ahead"
    return f"active: the next time is due at {_text(schedule.next_at)}"


def _of_time(schedule: Schedule, at: datetime) -> str:
    """Say why a time has no firing."""
    ahead = [*islice(Timetable(schedule.definition).after(at - NEAR), LOOKED_AT)]
    near = min(ahead, key=lambda time: abs(time - at), default=None)
    if near is None or abs(near - at) > NEAR:
        after = "it has no later one" if near is None else f"the next one after it is {_text(near)}"
        return f"{_text(at)} is not a time of the schedule; {after}"
    if near <= schedule.created_at:
        return f"{_text(near)} is before the schedule was made, at {_text(schedule.created_at)}; backfill runs it"
    if near > schedule.now:
        return f"{_text(near)} is still ahead"
    if schedule.remaining == 0:
        return f"{_text(near)} came after the last of its {schedule.max_runs:,} runs"
    if near > schedule.last_nominal:
        return f"{_text(near)} has not been decided on yet: no worker has swept since"
    return f"{_text(near)} has no firing: the schedule had other times then, or the firing was pruned"


def _text(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
