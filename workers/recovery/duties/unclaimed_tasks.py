"""Publishes the tasks of unclaimed iterations again, except those that still wait in the queue behind a burst."""

from __future__ import annotations

from botticelli.budget import Ticket
from botticelli.carousel import publish
from botticelli.carousel.admission.dispatch import TICKET_LEASE_SECONDS
from botticelli.messages import Publication
from botticelli.runtime.process import Runtime
from workers.recovery.duties.duty import EACH_SWEEP
from workers.recovery.queued_tasks import lost_tasks

BATCH_SIZE = 100


class UnclaimedTasks:
    """Publishes tasks that nobody has claimed within `redelivery_grace_seconds` and that the queue has lost."""

    name = "unclaimed_tasks"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Publish lost tasks again, and renew the tickets of all unclaimed iterations."""
        runtime = self._runtime
        with runtime.store.transaction() as tx:
            unclaimed = tx.iterations.unclaimed(BATCH_SIZE)
        if not unclaimed:
            return
        lost = lost_tasks(runtime, {row.key for row in unclaimed})
        grace_seconds = runtime.settings.worker.redelivery_grace_seconds
        with runtime.store.transaction() as tx:
            again = tx.iterations.postpone(unclaimed, lost, grace_seconds=grace_seconds)
        runtime.budget.renew_all([Ticket.from_json(row.ticket) for row in unclaimed], TICKET_LEASE_SECONDS)
        lost_rows = [row for row in unclaimed if row.key in again]
        publish(runtime, [Publication(row.run_id, row.number, row.narrative, again[row.key]) for row in lost_rows])
