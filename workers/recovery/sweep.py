"""Performs one pass of the recovery sweep: queues lost iterations, publishes unclaimed ones, advances due runs.

Concurrent passes are safe: rows are locked, or the update finds them changed. sweep_thread.py decides when a pass runs.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import func

from botticelli.budget import Ticket
from botticelli.carousel import advance, publish
from botticelli.carousel.admission.dispatch import TICKET_LEASE_SECONDS
from botticelli.carousel.control.run_control import release_all, stop_admission
from botticelli.messages import Publication
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import ExpiredLease, Transaction
from botticelli.telemetry.log import log, logger
from workers.recovery.queued_tasks import lost_tasks

BATCH = 100
PUT_OFF_SECONDS = 60.0


def sweep(runtime: Runtime, *, judge_leases: bool = True) -> None:
    """Process everything that is due. Without `judge_leases`, expired leases are left alone."""
    if judge_leases:
        _requeue_lost(runtime)
    _publish_unclaimed(runtime)
    wake_due(runtime)
    with runtime.store.transaction() as tx:
        tx.state.sweep()
        tx.media.sweep()


def _requeue_lost(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        lost = tx.iterations.lost(BATCH)
    for iteration in lost:
        with runtime.store.transaction() as tx:
            tickets = _requeue_or_fail(runtime, tx, iteration)
            if tickets is None:
                continue
            publications = advance(runtime, tx, tx.runs.lock(iteration.run_id))
        release_all(runtime, tickets)
        publish(runtime, publications)


def _requeue_or_fail(runtime: Runtime, tx: Transaction, lost: ExpiredLease) -> list[Ticket] | None:
    """Queue a lost iteration again, or fail it when it has cost too many workers.

    Returns the tickets to release; None when another sweep was first.
    """
    run = tx.runs.lock(lost.run_id)
    if not tx.iterations.requeue(lost.run_id, lost.number, lost.fencing_token, lost=True):
        return None
    log("worker_lost", level=logging.WARNING, run=lost.run_id, iteration=lost.number, worker=lost.worker)
    runtime.events.tell(lost.run_id, "worker_lost", number=lost.number, worker=lost.worker, attempt=lost.attempt)
    tx.ledger.abandon(lost.run_id, lost.number)
    tickets = [Ticket.from_json(lost.ticket)] if lost.ticket else []
    if run.ending is not None:
        tx.iterations.cancel_queued(lost.run_id)
    elif lost.lost_count + 1 >= runtime.settings.worker.max_attempts:
        error = f"{lost.lost_count + 1} workers were lost while they performed it"
        tx.iterations.fail_queued(lost.run_id, lost.number, error)
        tx.runs.count_iterations(run, [lost.number], failed=1)
        if not run.continue_on_error:
            tickets += stop_admission(runtime, tx, run, "failed", f"iteration {lost.number}: {error}")
    return tickets


def _publish_unclaimed(runtime: Runtime) -> None:
    """Publish tasks of unclaimed iterations again, except those still in the queue behind a burst."""
    grace_seconds = runtime.settings.worker.redelivery_grace_seconds
    with runtime.store.transaction() as tx:
        unclaimed = tx.iterations.unclaimed(BATCH)
    if not unclaimed:
        return
    lost = lost_tasks(runtime, {row.key for row in unclaimed})
    with runtime.store.transaction() as tx:
        again = tx.iterations.postpone(unclaimed, lost, grace_seconds=grace_seconds)
    for row in unclaimed:
        ticket = Ticket.from_json(row.ticket)
        runtime.budget.renew(ticket.id, [share.scope for share in ticket.shares], TICKET_LEASE_SECONDS)
    publish(
        runtime,
        [Publication(row.run_id, row.number, row.narrative, again[row.key]) for row in unclaimed if row.key in again],
    )


def wake_due(runtime: Runtime) -> None:
    """Advance the runs that are due now."""
    with runtime.store.transaction() as tx:
        due = tx.runs.due(BATCH)
    for run_id in due:
        try:
            with runtime.store.transaction() as tx:
                run = tx.runs.lock(run_id)
                is_due = run.due_at is not None and run.due_at <= run.now
                publications = advance(runtime, tx, run) if is_due else []
            publish(runtime, publications)
        except SERVER_ERRORS:
            raise
        except Exception:
            logger.exception("run_not_advanced run=%s", run_id)
            _postpone(runtime, run_id)


def _postpone(runtime: Runtime, run_id: str) -> None:
    """Postpone a run that can't be advanced, so that it doesn't delay the others."""
    with runtime.store.transaction() as tx:
        tx.runs.set(run_id, due_at=func.now() + timedelta(seconds=PUT_OFF_SECONDS))
