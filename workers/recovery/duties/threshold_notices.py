"""Tells of budgets that run out, where the settings of a worker name a target for that."""

from __future__ import annotations

from botticelli.notices.budget_thresholds import record_thresholds
from botticelli.runtime.process import Runtime, worker_name
from botticelli.settings.sections.notify import BUDGET_THRESHOLD
from workers.recovery.duties.duty import EACH_SWEEP

LOOK_SECONDS = 30.0


class ThresholdNotices:
    """Looks at the windows of recent calls every LOOK_SECONDS, in one worker of those that have a target."""

    name = "threshold_notices"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Write the notices that are due. Raises the errors of an absent server."""
        if not any(BUDGET_THRESHOLD in target.on for target in self._runtime.settings.notify):
            return
        with self._runtime.store.transaction() as tx:
            if not tx.duties.take(self.name, worker=worker_name(), interval_seconds=LOOK_SECONDS):
                return
        record_thresholds(self._runtime)
