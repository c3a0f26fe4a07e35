"""Pause, resume, cancel and retry: what a person may do to a run at any time, as often as they like. Starts no worker.

Each move that changes something is recorded with who, when and why; one that changes nothing is not.
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
"""A worker begins a call or an effect so soon after it asked whether the run still wants it; else it asks again."""
CONFIRM_SECONDS = 2.5
"""After so long no call begins that was allowed before the run was held: the above, and some time for slow threads."""
POLL_SECONDS = 0.05


def pause(runtime: Runtime, run_id: str, mover: Actor | None = None, *, now: bool = False) -> Run:
    """No further iteration is started; what a worker holds ends. Nothing changes for a run that is over or being ended.

    `now`: what a worker holds is given back before its next call or effect. Returns when no call can begin any more;
    calls that have begun are answered, paid and kept.
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
    """Go on with a run that was paused, or that ended as budget_exhausted, failed or cancelled.

    Finished iterations and acts are kept. InvalidInput for a run that is complete, or that is just being ended.
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
    """Perform the failed iterations again, and what their failure kept from being performed.

    Their acts that are done are kept. Nothing changes for a run without failures; InvalidInput for a run that was
    cancelled.
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
    """Start nothing more; an iteration that is running stops at its next call. Nothing changes for a run that is over.

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

    From now on nothing starts, and the run ends as `ending` when the last iteration in flight has ended. Its place in
    the Budget's queue is free at once; the tickets that come back are to be released once this is committed.
    """
    give_up_place(runtime, tx, run)
    tx.runs.set(run.id, status="running", hold=None, ending=ending, reason=reason, due_at=func.now())
    return [Ticket.from_json(ticket) for ticket in tx.iterations.cancel_queued(run.id)]


def release_all(runtime: Runtime, tickets: Iterable[Ticket]) -> None:
    released = list(tickets)
    if released:
        runtime.budget.release_all(released)


def _require_accepted(run: Run) -> None:
    if run.iterations == 0:
        raise InvalidInput(f"run {run.id} was never accepted: {run.reason}", do="mend that, then enqueue it again")


def _confirmed(runtime: Runtime, run: Run) -> Run:
    """The run once nothing of it can begin: no worker holds any of it, or what was allowed before has begun by now."""
    deadline = time.monotonic() + CONFIRM_SECONDS
    while time.monotonic() < deadline:
        with runtime.store.transaction() as tx:
            run = tx.runs.get(run.id)
            if tx.iterations.performing(run.id) == 0:
                break
        time.sleep(POLL_SECONDS)
    return run
