"""Delivers notices to the targets of [[notify]], in the workers whose settings name any."""

from __future__ import annotations

from botticelli.notices.deliverer import deliverer_of
from botticelli.runtime.process import Runtime, worker_name
from workers.recovery.duties.duty import EACH_SWEEP

PART_OF_INTERVAL = 0.9


class Notices:
    """Fans out and delivers notices. One worker does it in each interval, of those that have targets.

    It is no duty of the fleet: a worker without targets may be elected for those. What takes long is done in threads.
    """

    name = "notices"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Start what is due, if no other worker has just done so."""
        if not self._runtime.settings.notify:
            return
        seconds = self._runtime.settings.worker.sweep_interval_seconds * PART_OF_INTERVAL
        with self._runtime.store.transaction() as tx:
            if not tx.duties.take(self.name, worker=worker_name(), interval_seconds=seconds):
                return
        deliverer_of(self._runtime).tick()
