"""Publishes the probe, a heartbeat task through the queue, by which a stalled consumer is noticed."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from botticelli.messages import QUEUE, publish_probe
from botticelli.runtime.process import Runtime
from botticelli.telemetry.log import log
from workers.recovery.duties.duty import EACH_SWEEP


class ProbePublication:
    """Publishes a probe each `probe_interval_seconds`; a lost one again, after twice the wait each time."""

    name = "probe_publication"
    interval_seconds = EACH_SWEEP
    """The probe's own row says when one is due."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Publish a probe when one is due."""
        interval_seconds = self._runtime.settings.worker.probe_interval_seconds
        with self._runtime.store.transaction() as tx:
            publishes = tx.probes.ask(QUEUE, interval_seconds=interval_seconds)
        if publishes is None:
            return
        try:
            publish_probe(self._runtime.celery, QUEUE)
        except (OperationalError, RedisError, OSError) as error:
            log("probe_not_published", level=logging.WARNING, error=type(error).__name__)
