"""Deletes state entries that have expired, media that no run uses any more, old notices, and waits that nobody counts."""

from __future__ import annotations

from botticelli.runtime.process import Runtime
from workers.recovery.duties.duty import EACH_SWEEP

NOTICE_DAYS = 35
"""Longer than a month, in which a threshold of a budget is told once."""
WAIT_DAYS = 7
"""How long the waits of an installation are kept whose metrics nobody reads."""


class ExpiredData:
    """Deletes expired state, unused media, old notices and waits."""

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
            tx.metrics.sweep(WAIT_DAYS)
