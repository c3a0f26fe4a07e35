"""Notices that the queue isn't consumed: asks by a task, hears every task that arrives. Ends no process.

A worker is deaf when a canary has long been unanswered while this process had free threads and heard nothing: whatever is
consumed is consumed in order, so its own consumer would have brought the canary.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from botticelli.messages import QUEUE, publish_canary
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVERS_AWAY
from botticelli.runtime.worker_heartbeat import worker_name
from botticelli.store import Canary
from botticelli.telemetry.log import log


class Listening:
    """How long this process has been able to hear a task, and has heard none. `end` is told when it is deaf."""

    def __init__(self, is_busy: Callable[[], bool], end: Callable[[str], None]) -> None:
        self._is_busy = is_busy
        self.end = end
        self._quiet_seconds = 0.0
        self._looked_at = time.monotonic()

    def hear(self) -> None:
        """A task has arrived."""
        self._quiet_seconds = 0.0

    def look(self, runtime: Runtime, *, most_seconds: float) -> Canary | None:
        """The canary that this process should have heard; None as long as nothing is wrong.

        To be called again and again. A pause between two calls counts as `most_seconds` at most: a process that was
        stopped hasn't listened. Postgres is asked only after a long quiet.
        """
        now = time.monotonic()
        passed_seconds = min(now - self._looked_at, most_seconds)
        self._looked_at = now
        self._quiet_seconds = 0.0 if self._is_busy() else self._quiet_seconds + passed_seconds
        timeout_seconds = runtime.settings.worker.canary_timeout_seconds
        if self._quiet_seconds < timeout_seconds:
            return None
        with runtime.store.transaction() as tx:
            canary = tx.canaries.unanswered(QUEUE)
        return canary if canary is not None and canary.silent_seconds >= timeout_seconds else None


def ask(runtime: Runtime) -> None:
    """Publish a canary when it is time to. One that gets lost is asked again."""
    with runtime.store.transaction() as tx:
        publishes = tx.canaries.ask(QUEUE, interval_seconds=runtime.settings.worker.canary_interval_seconds)
    if publishes is None:
        return
    try:
        publish_canary(runtime.celery, QUEUE)
    except (OperationalError, RedisError, OSError) as error:
        log("canary_not_published", level=logging.WARNING, error=type(error).__name__)


def answer(runtime: Runtime, queue: object) -> None:
    """What the task does: stamp the row. Without Postgres the next one does."""
    if queue != QUEUE:
        log("canary_of_another_queue", level=logging.WARNING)
        return
    try:
        with runtime.store.transaction() as tx:
            tx.canaries.answer(QUEUE, worker_name())
    except SERVERS_AWAY as error:
        log("canary_not_stamped", level=logging.WARNING, error=type(error).__name__)
