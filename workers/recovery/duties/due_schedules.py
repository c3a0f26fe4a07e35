"""Fires the schedules whose time has come, and starts the times that were buffered behind a run that has ended."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import func

from botticelli.carousel.scheduling.firing import fire
from botticelli.carousel.scheduling.planned_narratives import Templates
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import DueSchedule
from botticelli.telemetry.log import logger
from workers.recovery.duties.duty import EACH_SWEEP

BATCH_SIZE = 100
MOST_SECONDS = 3.0
"""How long one pass fires; what is left is due in the next one."""
PUT_OFF_SECONDS = 60.0


class DueSchedules:
    """Fires what is due, each schedule in a transaction of its own; one that can't be fired delays no other."""

    name = "due_schedules"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._templates = Templates(runtime)

    def run(self) -> None:
        """Fire until nothing is due, or time is up. Raises the errors of an absent server."""
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline:
            with self._runtime.store.transaction() as tx:
                due = tx.schedules.due(BATCH_SIZE)
            fired = [self._fire(schedule) for schedule in due if time.monotonic() < deadline]
            if not any(fired):
                return

    def _fire(self, due: DueSchedule) -> bool:
        try:
            return fire(self._runtime, due, self._templates)
        except SERVER_ERRORS:
            raise
        except Exception:
            logger.exception("schedule_not_fired schedule=%s", due.id)
            self._postpone(due.id)
            return False

    def _postpone(self, schedule_id: str) -> None:
        with self._runtime.store.transaction() as tx:
            tx.schedules.set(schedule_id, next_at=func.now() + timedelta(seconds=PUT_OFF_SECONDS))
