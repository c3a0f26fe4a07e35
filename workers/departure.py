"""How a worker process ends in time: it may finish what it performs, hands the rest back, and goes. Performs nothing.

Celery waits without a bound for the threads of a worker that is asked to end; a process of its own may be ended at any
moment, since whatever it held is handed back before.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from celery.worker import state
from redis.exceptions import RedisError

from botticelli.runtime import Runtime
from botticelli.telemetry import log
from workers.leases import keeper_of
from workers.outages import SERVERS_AWAY
from workers.presence import depart

CELERY_SECONDS = 10.0
"""So long Celery may take to end by itself once nothing is performed any more."""
HAND_BACK_SECONDS = 10.0
"""So long it is tried to hand back; then the leases decide."""
POLL_SECONDS = 0.05

stopping = threading.Event()
"""Set once this process is asked to end: what waits in it waits no longer."""


class Departure(threading.Thread):
    """Begins at once. `exit_code` is that of a process that Celery doesn't end by itself."""

    def __init__(self, runtime: Runtime, *, finish_seconds: float, exit_code: int = 0) -> None:
        super().__init__(name="departure", daemon=True)
        self._runtime = runtime
        self._finish_seconds = finish_seconds
        self._exit_code = exit_code
        self._hurried = threading.Event()

    def hurry(self) -> None:
        """Hand back now."""
        self._hurried.set()

    def run(self) -> None:
        stopping.set()
        within_seconds = self._finish_seconds
        log("worker_ends", level=logging.WARNING, performing=len(state.active_requests), within_seconds=within_seconds)
        self._wait_while_busy()
        if not self._hand_back() and self._exit_code == 0:
            self._hurried.wait(CELERY_SECONDS)
            self._hand_back()
        leave(self._runtime)
        sys.stdout.flush()
        os._exit(self._exit_code)

    def _wait_while_busy(self) -> None:
        deadline = time.monotonic() + self._finish_seconds
        while state.active_requests and time.monotonic() < deadline and not self._hurried.wait(POLL_SECONDS):
            pass

    def _hand_back(self) -> bool:
        """Whether there was something."""
        busy = bool(state.active_requests)
        why = "its worker is deaf" if self._exit_code else "its worker was asked to end"
        deadline = time.monotonic() + HAND_BACK_SECONDS
        while True:
            try:
                keeper_of(self._runtime).hand_back_all(why)
                return busy
            except SERVERS_AWAY as error:
                if time.monotonic() >= deadline:
                    log("left_to_the_leases", level=logging.WARNING, error=type(error).__name__)
                    return busy
                threading.Event().wait(POLL_SECONDS)


def leave(runtime: Runtime) -> None:
    """Say goodbye, so that nobody takes this worker for alive, and close what is open."""
    try:
        depart(runtime)
    except RedisError as error:
        log("departure_not_said", level=logging.INFO, error=type(error).__name__)
    runtime.close()
