"""Lets a person pause, resume, trigger, backfill and delete a schedule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from sqlalchemy import func

from botticelli.carousel.actor import Actor
from botticelli.carousel.control.run_control import release_all
from botticelli.carousel.scheduling.firing import MAX_TIMES, settle, store_run, write
from botticelli.carousel.scheduling.planned_narratives import RunTemplate, checked_template, run_id_of
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.schedules.decisions import Decision, Situation, Verdict, overlapped
from botticelli.schedules.schedule_policies import Overlap
from botticelli.schedules.timetable import Timetable
from botticelli.security.time_checks import checked_time
from botticelli.store import Firing, FiringView, Schedule
from botticelli.untrusted.storable import storable

BackfillOverlap = Literal["buffer_all", "allow"]
MAX_BACKFILL = 10_000


@dataclass(frozen=True, slots=True)
class Backfill:
    """Result of a backfill: `times` are those that it started or buffered; the others had a run or are excluded."""

    times: tuple[datetime, ...]
    already: int
    excluded: int


def pause_schedule(runtime: Runtime, name: str, actor: Actor | None = None) -> Schedule:
    """Start no run of a schedule until it is resumed; its times are recorded. A paused one only gets the new note."""
    actor = actor or Actor()
    with runtime.store.transaction() as tx:
        schedule = tx.schedules.lock(name)
        paused_at = schedule.paused_at or func.now()
        note = storable(actor.reason)
        tx.schedules.set(schedule.id, paused_at=paused_at, paused_by=storable(actor.name), pause_note=note)
        return tx.schedules.named(name)


def resume_schedule(runtime: Runtime, name: str) -> Schedule:
    """Let a schedule fire again, from now on: the times that passed meanwhile are recorded as paused."""
    with runtime.store.transaction() as tx:
        schedule = tx.schedules.lock(name)
        while schedule.paused_at is not None:
            settled = settle(runtime, tx, schedule, None)
            schedule = tx.schedules.named(name)
            if len(settled.decisions) < MAX_TIMES:
                break
        cleared = {"paused_at": None, "paused_by": None, "pause_note": None, "resumed_at": func.now()}
        if schedule.paused_at is not None:
            tx.schedules.set(schedule.id, **cleared)
        return tx.schedules.named(name)


def trigger(runtime: Runtime, name: str, actor: Actor | None = None, overlap: Overlap | None = None) -> FiringView:
    """Fire a schedule now, also a paused one; the time does not count for `max_runs`.

    `overlap` replaces the policy of the schedule this time. Raises what enqueuing raises when there can be no run.
    """
    actor = actor or Actor()
    with _prepared(runtime, name) as template, runtime.store.transaction() as tx:
        schedule = tx.schedules.lock(name)
        backlog = tx.firings.backlog(schedule.id)
        situation = Situation(f"run {backlog.runs[-1]}" if backlog.runs else "", len(backlog.buffered))
        verdict = Verdict()
        reason = f"triggered by {actor.name}" + (f": {actor.reason}" if actor.reason else "")
        wish = Decision(schedule.now, "started", reason)
        decision = overlapped(overlap or schedule.overlap, wish, situation, verdict)
        verdict.decisions.append(decision if decision is wish else _with(decision, reason))
        fired = write(runtime, tx, schedule, template, verdict, origin="trigger")
        (view,) = tx.firings.recent(schedule.id, since=schedule.now, until=schedule.now + timedelta(microseconds=1))
    release_all(runtime, fired.tickets)
    return view


def _with(decision: Decision, reason: str) -> Decision:
    return Decision(decision.nominal_at, decision.action, f"{reason}; {decision.reason}")


def backfill(
    runtime: Runtime,
    name: str,
    start: datetime,
    end: datetime,
    *,
    actor: Actor | None = None,
    overlap: BackfillOverlap = "buffer_all",
) -> Backfill:
    """Run the nominal times from `start` to `end` that have no run yet: one after the other, or with `allow` at once.

    Excluded times stay out. Raises InvalidInput for a range that isn't past or has too many times.
    """
    start, end = checked_time(start, "the start of the range"), checked_time(end, "the end of the range")
    with _prepared(runtime, name) as template, runtime.store.transaction() as tx:
        schedule = tx.schedules.lock(name)
        times = _past_times(schedule, start, end)
        table = Timetable(schedule.definition)
        open_times = [time for time in times if table.exclusion_of(time) is None]
        reason = storable(_words("backfilled", actor or Actor()))
        action = "backfilled" if overlap == "allow" else "buffered"
        new = [_backfilled(schedule, time, action, reason) for time in open_times]
        written = tx.firings.backfill(new)
        for time in written if overlap == "allow" else ():
            store_run(runtime, tx, schedule, template, time)
    excluded = len(times) - len(open_times)
    return Backfill(tuple(sorted(written)), len(open_times) - len(written), excluded)


def delete_schedule(runtime: Runtime, name: str) -> Schedule:
    """Delete a schedule with its firings, and return it as it was. Its runs stay and go on."""
    with runtime.store.transaction() as tx:
        schedule = tx.schedules.lock(name)
        tx.schedules.delete(schedule.id)
        return schedule


@contextmanager
def _prepared(runtime: Runtime, name: str) -> Iterator[RunTemplate]:
    """Prepare the runs of a schedule, before it is locked, and close their rows at the end."""
    with runtime.store.transaction() as tx:
        schedule = tx.schedules.named(name)
        stored = tx.schedules.stored(schedule.id)
    template = checked_template(runtime, schedule.request, stored)
    try:
        yield template
    finally:
        template.close()


def _past_times(schedule: Schedule, start: datetime, end: datetime) -> Sequence[datetime]:
    if start > end:
        raise InvalidInput("the range ends before it begins", where="--to", do="give a later --to")
    if end > schedule.now:
        raise InvalidInput("the range ends in the future", where="--to", do="its times fire by themselves then")
    upcoming = Timetable(schedule.definition).after(start - timedelta(microseconds=1))
    times = [time for time in islice(upcoming, MAX_BACKFILL + 1) if time <= end]
    if len(times) > MAX_BACKFILL:
        raise InvalidInput(f"the range has more than {MAX_BACKFILL:,} times", do="give a shorter range")
    return times


def _backfilled(schedule: Schedule, time: datetime, action: str, reason: str) -> Firing:
    run_id = run_id_of(schedule.id, time) if action == "backfilled" else None
    return Firing(schedule.id, time, action, "backfill", run_id, reason)


def _words(what: str, actor: Actor) -> str:
    return f"{what} by {actor.name}" + (f": {actor.reason}" if actor.reason else "")
