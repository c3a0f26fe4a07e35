"""Deletes state entries that have expired, media that no run uses any more, and old notices."""

from __future__ import annotations

from botticelli.runtime.process import Runtime
from workers.recovery.duties.duty import EACH_SWEEP

NOTICE_DAYS = 35
"""Longer than a month, in which a threshold of a budget is told once."""


class ExpiredData:
    """Deletes expired state, unused media and old notices."""

    name = "expired_data"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Delete all of it in one transaction."""
        with self._runtime.store.transaction() as tx:
            tx.state.sweep()
            tx.media.sweep()
            tx.deliveries.sweep(NOTICE_DAYS)
