"""Pauses, resumes, cancels and retries runs, at any time and any number of times. Starts no worker.

Each action that changes something is recorded with its author, time and reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import func

from botticelli.budget import Ticket
from botticelli.carousel.actor import Actor
from botticelli.carousel.admission.dispatch import advance, give_up_place, publish
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.statuses import FinalStatus, Hold
from botticelli.store import Run, Transaction

BEGIN_WITHIN_SECONDS = 2.0
"""Time within which a worker begins a call or an effect after its check of the run; later it checks again."""
CONFIRM_SECONDS = 2.5
"""Time after which no call begins that was allowed before a pause: the above, with a reserve for slow threads."""
POLL_SECONDS = 0.05


def pause(runtime: Runtime, run_id: str, mover: Actor | None = None, *, now: bool = False) -> Run:
    """Start no further iteration; running ones end normally. Changes nothing for a run that has ended or is ending.

    `now`: running iterations are handed back before their next call or effect. Returns when no call can begin any more.
    Calls that have begun are completed, paid and kept.
    """
    mover = mover or Actor()
    tickets: list[Ticket] = []
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(run_id)
        hold: Hold = "now" if now or run.hold == "now" else "soft"
        if not run.is_final and run.ending is None and (run.status != "paused" or run.hold != hold):
            give_up_place(runtime, tx, run)
            reason = mover.reason or "paused"
            tx.runs.set(run_id, status="paused", hold=hold, reason=reason, due_at=None, waiting_for=None)
            tickets = [Ticket.from_json(ticket) for ticket in tx.iterations.withdraw(run_id)]
            tx.run_actions.record(run_id, "pause now" if now else "pause", actor=mover.name, reason=mover.reason)
        after = tx.runs.get(run_id)
    release_all(runtime, tickets)
    return _confirmed(runtime, after) if now else after


def resume(runtime: Runtime, run_id: str, mover: Actor | None = None) -> Run:
    """Resume a run that is paused, or that ended as budget_exhausted, failed or cancelled.

    Keeps finished iterations and acts. Raises InvalidInput for a run that is completed or is ending.
    """
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(run_id)
        _require_accepted(run)
        if run.status == "completed":
            raise InvalidInput(f"run {run_id} is complete", do="enqueue its narrative again for a new run")
        if run.status == "paused":
            columns = {"hold": None, "reason": None, "waiting_since": None}
            tx.runs.set(run_id, status="running", due_at=func.now(), **columns)
            tx.iterations.unpark(run_id)
        elif run.is_final:
            tx.runs.reopen(run_id)
        elif run.ending is not None:
            raise InvalidInput(f"run {run_id} is being ended as {run.ending}", do="resume it when that is done")
        if run.status == "paused" or run.is_final:
            tx.run_actions.record(run_id, "resume", actor=mover.name, reason=mover.reason)
        publications = advance(runtime, tx, tx.runs.lock(run_id))
        after = tx.runs.get(run_id)
    publish(runtime, publications)
    return after


def retry(runtime: Runtime, run_id: str, mover: Actor | None = None) -> Run:
    """Perform failed iterations again, and the iterations that were not performed because of them.

    Keeps finished acts. Changes nothing for a run without failures. Raises InvalidInput for a cancelled run.
    """
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(run_id)
        _require_accepted(run)
        if "cancelled" in (run.status, run.ending):
            raise InvalidInput(f"run {run_id} was cancelled", do="resume it, which performs failed iterations as well")
        if run.ending is not None and not run.is_final:
            raise InvalidInput(f"run {run_id} is being ended as {run.ending}", do="retry it when that is done")
        if run.failed:
            tx.runs.reopen(run_id)
            tx.run_actions.record(run_id, "retry", actor=mover.name, reason=mover.reason)
        publications = advance(runtime, tx, tx.runs.lock(run_id))
        after = tx.runs.get(run_id)
    publish(runtime, publications)
    return after


def cancel(runtime: Runtime, run_id: str, mover: Actor | None = None, *, now: bool = False) -> Run:
    """Cancel a run: running iterations stop before their next call. Changes nothing for a run that has ended.

    `now`: returns when no call and no effect can begin any more.
    """
    with runtime.store.transaction() as tx:
        tickets = cancel_within(runtime, tx, run_id, mover or Actor(), now=now)
        after = tx.runs.get(run_id)
    release_all(runtime, tickets)
    return _confirmed(runtime, after) if now else after


def cancel_within(runtime: Runtime, tx: Transaction, run_id: str, mover: Actor, *, now: bool = False) -> list[Ticket]:
    """Cancel a run within an open transaction; return the tickets to release once it is committed."""
    run = tx.runs.lock(run_id)
    if run.is_final or run.ending is not None:
        return []
    tickets = stop_admission(runtime, tx, run, "cancelled", mover.reason or "cancelled")
    tx.run_actions.record(run_id, "cancel now" if now else "cancel", actor=mover.name, reason=mover.reason)
    advance(runtime, tx, tx.runs.lock(run_id))
    return tickets


def stop_admission(runtime: Runtime, tx: Transaction, run: Run, ending: FinalStatus, reason: str) -> list[Ticket]:
    """Stop all admissions of a run.

    Frees its place in the Budget's queue at once. Returns the tickets to release after the commit.
    """
    give_up_place(runtime, tx, run)
    tx.runs.set(run.id, status="running", hold=None, ending=ending, reason=reason, due_at=func.now())
    return [Ticket.from_json(ticket) for ticket in tx.iterations.cancel_queued(run.id)]


def release_all(runtime: Runtime, tickets: Iterable[Ticket]) -> None:
    released = list(tickets)
    if released:
        runtime.budget.release_all(released)


def _require_accepted(run: Run) -> None:
    if run.iterations == 0 and run.rows is None:
        raise InvalidInput(f"run {run.id} was never accepted: {run.reason}", do="mend that, then enqueue it again")


def _confirmed(runtime: Runtime, run: Run) -> Run:
    """Return the run once no call of it can begin: no worker holds an iteration, or CONFIRM_SECONDS have passed."""
    deadline = time.monotonic() + CONFIRM_SECONDS
    while time.monotonic() < deadline:
        with runtime.store.transaction() as tx:
            run = tx.runs.get(run.id)
            if tx.iterations.performing(run.id) == 0:
                break
        time.sleep(POLL_SECONDS)
    return run
