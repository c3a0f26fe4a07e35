"""Queues the iterations of lost workers again, or fails those that have cost too many workers."""

from __future__ import annotations

import logging
import time

from botticelli.budget import Ticket
from botticelli.carousel import advance, publish
from botticelli.carousel.control.run_control import release_all, stop_admission
from botticelli.runtime.process import Runtime
from botticelli.store import ExpiredLease, Transaction
from botticelli.telemetry.log import log
from workers.recovery.duties.duty import EACH_SWEEP
from workers.recovery.run_spans import record_lost_iteration

BATCH_SIZE = 100


class ExpiredLeases:
    """Returns iterations whose lease has expired to the queue; spares them for one lease after an outage."""

    name = "expired_leases"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._spare_until = 0.0

    def note_outage(self) -> None:
        """Give holders whose leases expired while no server could renew them one more lease to do so."""
        self._spare_until = time.monotonic() + self._runtime.settings.worker.lease_seconds

    def run(self) -> None:
        """Return expired iterations to the queue; each in a transaction of its own."""
        if time.monotonic() < self._spare_until:
            return
        with self._runtime.store.transaction() as tx:
            expired = tx.iterations.lost(BATCH_SIZE)
        for lease in expired:
            with self._runtime.store.transaction() as tx:
                tickets = self._requeue_or_fail(tx, lease)
                if tickets is None:
                    continue
                publications = advance(self._runtime, tx, tx.runs.lock(lease.run_id))
            release_all(self._runtime, tickets)
            publish(self._runtime, publications)

    def _requeue_or_fail(self, tx: Transaction, lost: ExpiredLease) -> list[Ticket] | None:
        """Queue a lost iteration again, or fail it when it has cost too many workers.

        Returns the tickets to release; None when another sweep was first.
        """
        runtime = self._runtime
        run = tx.runs.lock(lost.run_id)
        if not tx.iterations.requeue(lost.run_id, lost.number, lost.fencing_token, lost=True):
            return None
        log("worker_lost", level=logging.WARNING, run=lost.run_id, iteration=lost.number, worker=lost.worker)
        runtime.events.tell(lost.run_id, "worker_lost", number=lost.number, worker=lost.worker, attempt=lost.attempt)
        record_lost_iteration(runtime, run, lost)
        tx.ledger.abandon(lost.run_id, lost.number)
        tickets = [Ticket.from_json(lost.ticket)] if lost.ticket else []
        if run.ending is not None:
            tx.iterations.cancel_queued(lost.run_id)
        elif lost.lost_count + 1 >= runtime.settings.worker.max_attempts:
            error = f"{lost.lost_count + 1} workers were lost while they performed it"
            tx.iterations.fail_queued(lost.run_id, lost.number, error)
            tx.steps.count(run.id, [lost.number], failed=1)
            if not run.continue_on_error:
                tickets += stop_admission(runtime, tx, run, "failed", f"iteration {lost.number}: {error}")
        return tickets
