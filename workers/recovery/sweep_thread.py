"""Runs the sweep in a thread: decides when, how patiently, and what to log when it fails.

A pass itself is in sweep.py.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

from botticelli import services
from botticelli.errors import BotticelliError
from botticelli.runtime.heartbeats import STALLED
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.runtime.worker_heartbeat import announce, worker_name
from botticelli.store.connection.sessions import LOCK_SECONDS
from botticelli.telemetry.log import log, logger
from workers.recovery import queue_probe
from workers.recovery.leases import keeper_of
from workers.recovery.queue_probe import ConsumerWatchdog
from workers.recovery.sweep import sweep, wake_due
from workers.recovery.unacked_requests import UnackedTracker

PART_OF_INTERVAL = 0.9
"""A sweep counts for this part of the interval, so that clock jitter doesn't skip every second one."""


LOCKED = ("55P03", "57014")
"""SQLSTATEs of a lock, and of a statement, that took too long."""


class Sweep(threading.Thread):
    """Sweeps each `sweep_interval_seconds`, or as soon as the next parked run is due, until `stop`."""

    def __init__(self, runtime: Runtime, watchdog: ConsumerWatchdog) -> None:
        super().__init__(name="sweep", daemon=True)
        self._runtime = runtime
        self._watchdog = watchdog
        self._wakes: SimpleQueue[None] = SimpleQueue()
        """Re-entrant, since a signal handler may stop the sweep while the same thread wakes it."""
        self._stopped = False
        self._trouble = ""
        self._stalled = ""
        self._spare_leases_until = 0.0
        self._taken = UnackedTracker()

    def run(self) -> None:
        pause_seconds = self._interval_seconds
        while not self._stopped:
            with suppress(Empty):
                self._wakes.get(timeout=pause_seconds)
                while True:
                    self._wakes.get_nowait()
            pause_seconds = self._pass()

    def wake(self) -> None:
        """Look when the run that was just parked is due."""
        self._wakes.put(None)

    def stop(self) -> None:
        self._stopped = True
        self._wakes.put(None)

    def _pass(self) -> float:
        """Run one pass; return the seconds until the next one."""
        due_seconds = None
        try:
            if self._runtime.services is not None:
                services.ensure(self._runtime.settings.home)
            announce(self._runtime, self._trouble or self._stalled)
            keeper_of(self._runtime).hand_back_interrupted()
            self._sweep_or_wake()
            with self._runtime.store.transaction() as tx:
                due_seconds = tx.runs.seconds_to_next_due()
            self._check_consumer()
            self._log_trouble("")
        except (*SERVER_ERRORS, OSError) as error:
            self._spare_expired_leases()
            self._log_lock_holders(error)
            self._log_trouble(str(error) if isinstance(error, BotticelliError) else type(error).__name__)
        except Exception:
            logger.exception("sweep_failed")
        return self._interval_seconds if due_seconds is None else min(self._interval_seconds, due_seconds)

    def _sweep_or_wake(self) -> None:
        """Sweep if this worker is elected for the interval; always look at the runs that are due."""
        interval_seconds = self._interval_seconds * PART_OF_INTERVAL
        with self._runtime.store.transaction() as tx:
            elected = tx.duties.take("sweep", worker=worker_name(), interval_seconds=interval_seconds)
        if elected:
            sweep(self._runtime, judge_leases=time.monotonic() >= self._spare_leases_until)
            self._taken.put_back(self._runtime)
            queue_probe.ask(self._runtime)
        else:
            wake_due(self._runtime)

    def _spare_expired_leases(self) -> None:
        """Give holders whose leases expired while no server could renew them one more lease to do so."""
        self._spare_leases_until = time.monotonic() + self._runtime.settings.worker.lease_seconds

    def _log_lock_holders(self, error: Exception) -> None:
        """Log which sessions held rows locked for too long, as far as the server says it."""
        if getattr(getattr(error, "orig", None), "pgcode", None) not in LOCKED:
            return
        with suppress(*SERVER_ERRORS):
            for holder in self._runtime.store.lock_holders(LOCK_SECONDS / 2):
                log("rows_held", level=logging.WARNING, **{name: _rounded(value) for name, value in holder.items()})

    def _log_trouble(self, trouble: str) -> None:
        """Log a trouble once when it begins or changes, and once when it is over."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            log("sweep_interrupted", level=logging.WARNING, error=trouble)
        else:
            log("sweep_goes_on", level=logging.WARNING)

    def _check_consumer(self) -> None:
        unanswered = self._watchdog.check(self._runtime, most_seconds=2 * self._interval_seconds)
        if unanswered is None:
            self._stalled = ""
            return
        self._stalled = (
            f"the consumer of this worker {STALLED}: a probe of {unanswered.requested_at:%H:%M:%S} UTC is unanswered"
        )
        announce(self._runtime, self._stalled)
        log("consumer_stalled", level=logging.ERROR, silent_seconds=round(unanswered.silent_seconds))
        if self._runtime.settings.worker.exit_when_stalled:
            self._watchdog.end(self._stalled)

    @property
    def _interval_seconds(self) -> float:
        return self._runtime.settings.worker.sweep_interval_seconds


_sweeps: list[Sweep] = []


def _rounded(value: object) -> object:
    return round(value, 1) if isinstance(value, float) else value


def start(runtime: Runtime, watchdog: ConsumerWatchdog) -> None:
    """Start the sweep of this process."""
    _sweeps.append(Sweep(runtime, watchdog))
    _sweeps[-1].start()


def wake() -> None:
    """Let the sweep of this process, if it has one, look when the next run is due."""
    for sweep_ in _sweeps:
        sweep_.wake()


def stop() -> None:
    for sweep_ in _sweeps:
        sweep_.stop()
