"""Notices a stalled consumer: records every task that arrives, and answers the probe, a heartbeat task.

A consumer is stalled when a probe has long been unanswered while this process had free threads and received nothing: a
queue is consumed in order, so its own consumer would have received the probe.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from botticelli.messages import QUEUE
from botticelli.runtime.process import Runtime, worker_name
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import Probe
from botticelli.telemetry.log import log


class ConsumerWatchdog:
    """Measures how long this process could have received a task and received none.

    `end` is called when it is stalled.
    """

    def __init__(self, is_busy: Callable[[], bool], end: Callable[[str], None]) -> None:
        self._is_busy = is_busy
        self.end = end
        self._quiet_seconds = 0.0
        self._looked_at = time.monotonic()

    def record(self) -> None:
        """Record that a task has arrived."""
        self._quiet_seconds = 0.0

    def check(self, runtime: Runtime, *, most_seconds: float) -> Probe | None:
        """Return the probe that this process should have received; None while the consumer works.

        To be called repeatedly. A pause between two calls counts as `most_seconds` at most, since a stopped process
        isn't listening. Postgres is read only after a long silence.
        """
        now = time.monotonic()
        passed_seconds = min(now - self._looked_at, most_seconds)
        self._looked_at = now
        self._quiet_seconds = 0.0 if self._is_busy() else self._quiet_seconds + passed_seconds
        timeout_seconds = runtime.settings.worker.probe_timeout_seconds
        if self._quiet_seconds < timeout_seconds:
            return None
        with runtime.store.transaction() as tx:
            probe = tx.probes.unanswered(QUEUE)
        return probe if probe is not None and probe.silent_seconds >= timeout_seconds else None


def answer(runtime: Runtime, queue: object) -> None:
    """Record the probe's answer in its row; without Postgres, the next probe does."""
    if queue != QUEUE:
        log("probe_of_another_queue", level=logging.WARNING)
        return
    try:
        with runtime.store.transaction() as tx:
            tx.probes.answer(QUEUE, worker_name())
    except SERVER_ERRORS as error:
        log("probe_not_stamped", level=logging.WARNING, error=type(error).__name__)
