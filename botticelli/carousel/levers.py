"""Pause, resume and cancel: what a person may do to a run at any time, as often as they like. Starts no worker."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func

from botticelli.budget import Ticket
from botticelli.carousel.dispatch import advance, give_up_place, publish
from botticelli.errors import InvalidInput
from botticelli.runtime import Runtime
from botticelli.store import Run, Transaction


def pause(runtime: Runtime, run_id: str) -> Run:
    """No further iteration is started; what a worker holds ends. Nothing changes for a run that is over."""
    tickets: list[Ticket] = []
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(run_id)
        if not run.is_final:
            give_up_place(runtime, tx, run)
            tx.runs.set(run_id, status="paused", reason="paused", due_at=None)
            tickets = [Ticket.from_json(ticket) for ticket in tx.iterations.withdraw(run_id)]
        after = tx.runs.get(run_id)
    release_all(runtime, tickets)
    return after


def resume(runtime: Runtime, run_id: str) -> Run:
    """Go on with a run that was paused, or that ended as budget_exhausted, failed or cancelled.

    Finished iterations and acts are kept. InvalidInput for a run that is complete.
    """
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(run_id)
        if run.status == "completed":
            raise InvalidInput(f"run {run_id} is complete", do="enqueue its narrative again for a new run")
        if run.iterations == 0:
            raise InvalidInput(f"run {run_id} was never accepted: {run.reason}", do="mend that, then enqueue it again")
        if run.status == "paused" or run.is_final:
            tx.runs.reopen(run_id)
        publications = advance(runtime, tx, tx.runs.lock(run_id))
        after = tx.runs.get(run_id)
    publish(runtime, publications)
    return after


def cancel(runtime: Runtime, run_id: str) -> Run:
    """Start nothing more; an iteration that is running stops at its next act. Nothing changes for a run that is over."""
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(run_id)
        tickets = []
        if not run.is_final:
            give_up_place(runtime, tx, run)
            tickets = stop_admission(tx, run_id, "cancelled", "cancelled")
            advance(runtime, tx, tx.runs.lock(run_id))
        after = tx.runs.get(run_id)
    release_all(runtime, tickets)
    return after


def stop_admission(tx: Transaction, run_id: str, ending: str, reason: str) -> list[Ticket]:
    """From now on nothing starts, and the run ends as `ending` when the last iteration in flight has ended. The tickets
    that come back are to be released once this is committed."""
    tx.runs.set(run_id, status="running", ending=ending, reason=reason, due_at=func.now())
    return [Ticket.from_json(ticket) for ticket in tx.iterations.cancel_queued(run_id)]


def release_all(runtime: Runtime, tickets: Iterable[Ticket]) -> None:
    for ticket in tickets:
        runtime.budget.release(ticket.id, [share.scope for share in ticket.shares])
