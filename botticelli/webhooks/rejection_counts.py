"""Counts rejected webhooks by name and kind. Anybody can send them, so that they are no rows: a write in seconds for all."""

from __future__ import annotations

import threading
import time
from collections import Counter

from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.log import logger
from botticelli.webhooks.replies import RejectionKind

METRIC = "botticelli_webhook_requests"
WRITE_SECONDS = 5.0


class RejectionCounts:
    """The counts of this process that are not in the totals of metrics yet. A killed process loses those of some seconds."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._due_at = 0.0

    def add(self, webhook: str, kind: RejectionKind) -> None:
        """Count a request. Writes nothing."""
        with self._lock:
            self._counts[webhook, kind] += 1

    def write(self, *, at_once: bool = False) -> None:
        """Add the counts to the totals, if that was not done a moment ago. While Postgres is away they wait."""
        with self._lock:
            now = time.monotonic()
            if not self._counts or (now < self._due_at and not at_once):
                return
            self._due_at = now + WRITE_SECONDS
            counts, self._counts = self._counts, Counter()
        try:
            with self._runtime.store.transaction() as tx:
                tx.metrics.add(METRIC, counts)
        except SERVER_ERRORS as error:
            logger.debug("webhook_counts_wait error=%s", type(error).__name__)
            with self._lock:
                self._counts.update(counts)
