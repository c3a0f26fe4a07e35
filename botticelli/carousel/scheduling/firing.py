"""Fires what is due of a schedule: decides on each nominal time, stores firing and run, and sets the next time.

All of it is one transaction. Exactly once holds by two primary keys, (schedule, nominal time) and the run's id, whoever
fires and however often. A run that is stored is due at once: the sweep admits it as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func

from botticelli.budget import Ticket
from botticelli.carousel.actor import Actor
from botticelli.carousel.control.run_control import cancel_within, release_all
from botticelli.carousel.enqueuing.row_copy import copy_rows
from botticelli.carousel.scheduling.planned_narratives import RunTemplate, Templates, run_id_of
from botticelli.runtime.process import Runtime
from botticelli.schedules.decisions import Decision, Situation, Verdict, decide_times
from botticelli.schedules.timetable import Timetable
from botticelli.store import DueSchedule, Firing, Schedule, Transaction
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from botticelli.untrusted.storable import storable

MAX_TIMES = 1000
"""Nominal times that one transaction decides on; the rest follows in the next one."""
SWEEP_ACTOR = "botticelli"
NOTE_CHARACTERS = 300


@dataclass(slots=True)
class Fired:
    """Decisions of one transaction, and the tickets to release after it."""

    decisions: Sequence[Decision] = ()
    tickets: list[Ticket] = field(default_factory=list)


def fire(runtime: Runtime, due: DueSchedule, templates: Templates) -> bool:
    """Fire what is due of a schedule. False when another process does, or the schedule has changed meanwhile."""
    template = templates.of(due)
    if template is None:
        return False
    try:
        with runtime.store.transaction() as tx:
            schedule = tx.schedules.lock_due(due)
            if schedule is None:
                return False
            fired = settle(runtime, tx, schedule, template)
    finally:
        template.close()
    reach("schedule_fired")
    release_all(runtime, fired.tickets)
    for decision in fired.decisions:
        log("schedule_fired", schedule=schedule.name, at=f"{decision.nominal_at:%FT%TZ}", action=decision.action)
    return True


def settle(runtime: Runtime, tx: Transaction, schedule: Schedule, template: RunTemplate | None) -> Fired:
    """Decide on all that is due of a locked schedule, and write it. Without a template no run can start: it is paused."""
    pause = schedule.pause or _pause_after_failures(tx, schedule)
    definition, table = schedule.definition, Timetable(schedule.definition)
    due = table.due_between(schedule.id, schedule.last_nominal, schedule.now, MAX_TIMES)
    situation = Situation(remaining=schedule.remaining, pause=pause)
    situation.running, situation.buffered = _going_on(runtime, tx, schedule, template, is_paused=pause is not None)
    verdict = decide_times(definition, table, due, schedule.now, situation)
    fired = write(runtime, tx, schedule, template, verdict)
    columns: dict[str, Any] = {"next_at": due.next_at}
    if situation.remaining != schedule.remaining:
        columns |= {"remaining": situation.remaining}
    if situation.remaining == 0:
        columns |= {"next_at": None}
    if verdict.decisions:
        columns |= {"last_nominal": verdict.decisions[-1].nominal_at}
    tx.schedules.set(schedule.id, **columns)
    return fired


def write(
    runtime: Runtime,
    tx: Transaction,
    schedule: Schedule,
    template: RunTemplate | None,
    verdict: Verdict,
    *,
    origin: str = "schedule",
) -> Fired:
    """Store the decisions with their runs, and cancel what they replace."""
    fired = Fired(verdict.decisions)
    new = set(tx.firings.add([_firing(schedule, decision, origin) for decision in verdict.decisions]))
    _tell_missed(tx, schedule, [each for each in verdict.decisions if each.nominal_at in new])
    reach("firing_recorded")
    for decision in verdict.decisions:
        if template is not None and decision.action == "started" and decision.nominal_at in new:
            store_run(runtime, tx, schedule, template, decision.nominal_at)
    reach("scheduled_run_stored")
    if verdict.replaces:
        reason = "a later time was due (overlap = cancel_other)"
        tx.firings.drop_buffered(schedule.id, verdict.decisions[-1].nominal_at, reason)
    if verdict.cancels:
        actor = Actor(f"a later time of schedule {schedule.name} was due (overlap = cancel_other)", SWEEP_ACTOR)
        for run_id in tx.firings.backlog(schedule.id).runs:
            fired.tickets += cancel_within(runtime, tx, run_id, actor)
    return fired


def _tell_missed(tx: Transaction, schedule: Schedule, decisions: Sequence[Decision]) -> None:
    """Write one notice of the times that were missed together."""
    missed = [decision for decision in decisions if decision.action == "missed"]
    if missed:
        first_at, last_at = (f"{each.nominal_at.astimezone(UTC):%FT%TZ}" for each in (missed[0], missed[-1]))
        data = {"schedule": schedule.name, "narrative": schedule.narrative, "missed": len(missed)}
        data |= {"first_at": first_at, "last_at": last_at, "reason": missed[-1].reason}
        about = {"tags": schedule.request.get("tags", ()), "tenant": schedule.request.get("tenant")}
        key = f"{schedule.id} {last_at}"
        tx.notices.emit("schedule.missed", data, key=key, narrative=schedule.narrative, **about)


def store_run(
    runtime: Runtime, tx: Transaction, schedule: Schedule, template: RunTemplate, nominal_at: datetime
) -> None:
    """Store the run of a nominal time, due at once; a refused one as failed. Does nothing when it is there already."""
    new = template.of(schedule, nominal_at)
    if not tx.runs.insert(new):
        return
    if template.refusal is not None:
        tx.runs.finish(new.id, "failed", template.refusal)
    tx.media.attach(new.id, template.media)
    tx.media.link(new.id, template.stored_media)
    if template.rows is not None:
        copy_rows(runtime, tx, tx.runs.lock(new.id), template.rows)


def _firing(schedule: Schedule, decision: Decision, origin: str) -> Firing:
    run_id = run_id_of(schedule.id, decision.nominal_at) if decision.action == "started" else None
    return Firing(schedule.id, decision.nominal_at, decision.action, origin, run_id, storable(decision.reason))


def _going_on(
    runtime: Runtime, tx: Transaction, schedule: Schedule, template: RunTemplate | None, *, is_paused: bool
) -> tuple[str, int]:
    """Describe what goes on: an unfinished run, and how many times are buffered. Starts buffered times that may start.

    While the schedule is paused only those start that a person asked for.
    """
    backlog = tx.firings.backlog(schedule.id)
    for firing in [each for each in backlog.buffered if not is_paused or each.origin != "schedule"]:
        if template is None or (backlog.runs and schedule.overlap != "allow"):
            break
        backlog.buffered.remove(firing)
        _start_buffered(runtime, tx, schedule, template, firing)
        if template.refusal is None:
            backlog.runs.append(run_id_of(schedule.id, firing.nominal_at))
    return (f"run {backlog.runs[-1]}" if backlog.runs else "", len(backlog.buffered))


def _start_buffered(
    runtime: Runtime, tx: Transaction, schedule: Schedule, template: RunTemplate, firing: Firing
) -> None:
    is_backfill = firing.origin == "backfill"
    action, reason = ("backfilled", firing.reason) if is_backfill else ("started", f"was buffered: {firing.reason}")
    tx.firings.start(schedule.id, firing.nominal_at, action, run_id_of(schedule.id, firing.nominal_at), reason)
    store_run(runtime, tx, schedule, template, firing.nominal_at)
    log("schedule_fired", schedule=schedule.name, at=f"{firing.nominal_at:%FT%TZ}", action=action)


def _pause_after_failures(tx: Transaction, schedule: Schedule) -> str | None:
    """Pause a schedule whose last runs have all failed; return why, or None."""
    most = schedule.pause_after_failures
    if most is None:
        return None
    since = schedule.resumed_at or schedule.created_at
    ended = tx.firings.last_statuses(schedule.id, since, most)
    if len(ended) < most or any(status != "failed" for _, status, _ in ended):
        return None
    run_id, _, reason = ended[0]
    which = "its last run failed" if most == 1 else f"its last {most} runs failed"
    note = storable(f"{which}; run {run_id}: {reason}")[:NOTE_CHARACTERS]
    tx.schedules.set(schedule.id, paused_at=func.now(), paused_by=SWEEP_ACTOR, pause_note=note)
    log("schedule_paused", schedule=schedule.name, failures=most)
    return f"paused by {SWEEP_ACTOR}: {note}"
