"""Starts the runs that are due: new ones, and those whose wait for a window or a retry is over."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func

from botticelli.carousel import advance, publish
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.log import logger
from workers.recovery.duties.duty import EACH_SWEEP

BATCH_SIZE = 100
PUT_OFF_SECONDS = 60.0


class DueRuns:
    """Admits the next iterations of runs that are due now; a run that can't be advanced doesn't delay the others."""

    name = "due_runs"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Advance each run that is due. Raises the errors of an absent server."""
        with self._runtime.store.transaction() as tx:
            due = tx.runs.due(BATCH_SIZE)
        for run_id in due:
            try:
                self._advance(run_id)
            except SERVER_ERRORS:
                raise
            except Exception:
                logger.exception("run_not_advanced run=%s", run_id)
                self._postpone(run_id)

    def _advance(self, run_id: str) -> None:
        with self._runtime.store.transaction() as tx:
            run = tx.runs.lock(run_id)
            is_due = run.due_at is not None and run.due_at <= run.now
            publications = advance(self._runtime, tx, run) if is_due else []
        publish(self._runtime, publications)

    def _postpone(self, run_id: str) -> None:
        with self._runtime.store.transaction() as tx:
            tx.runs.set(run_id, due_at=func.now() + timedelta(seconds=PUT_OFF_SECONDS))
