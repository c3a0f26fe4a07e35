"""Deletes what has expired: state, media that no run uses any more, notices, waits, and deliveries of webhooks."""

from __future__ import annotations

from botticelli.runtime.process import Runtime
from workers.recovery.duties.duty import EACH_SWEEP

NOTICE_DAYS = 35
"""Longer than a month, in which a threshold of a budget is told once."""
WAIT_DAYS = 7
"""How long the waits of an installation are kept whose metrics nobody reads."""


class ExpiredData:
    """Deletes expired state, unused media, and old notices, waits and deliveries of webhooks."""

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
            tx.webhooks.sweep()
