"""Deletes state entries that have expired, and media that no run uses any more."""

from __future__ import annotations

from botticelli.runtime.process import Runtime
from workers.recovery.duties.duty import EACH_SWEEP


class ExpiredData:
    """Deletes expired state and unused media."""

    name = "expired_data"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Delete both in one transaction."""
        with self._runtime.store.transaction() as tx:
            tx.state.sweep()
            tx.media.sweep()
