"""Runs the sweep in a thread: decides when a pass is due, which duties it runs, and what to log when one fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from botticelli import services
from botticelli.errors import BotticelliError
from botticelli.runtime.heartbeats import STALLED, announce
from botticelli.runtime.process import Runtime, worker_name
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import SWEEP
from botticelli.store.connection.sessions import LOCK_SECONDS
from botticelli.telemetry.log import log, logger
from workers.recovery.duties import FLEET_DUTIES, WORKER_DUTIES
from workers.recovery.duties.duty import Duty, OutageAware
from workers.recovery.queue_probe import ConsumerWatchdog

PART_OF_INTERVAL = 0.9
"""A sweep counts for this part of the interval, so that clock jitter doesn't skip every second one."""
LOCKED = ("55P03", "57014")
"""SQLSTATEs of a lock, and of a statement, that took too long."""
Result = TypeVar("Result")


class Sweep(threading.Thread):
    """Sweeps each `sweep_interval_seconds`, or as soon as the next parked run is due, until `stop`."""

    def __init__(self, runtime: Runtime, watchdog: ConsumerWatchdog) -> None:
        super().__init__(name="sweep", daemon=True)
        self._runtime = runtime
        self._watchdog = watchdog
        self._worker_duties: list[Duty] = [make(runtime) for make in WORKER_DUTIES]
        self._fleet_duties: list[Duty] = [make(runtime) for make in FLEET_DUTIES]
        self._wakes: SimpleQueue[None] = SimpleQueue()
        """Re-entrant, since a signal handler may stop the sweep while the same thread wakes it."""
        self._stopped = False
        self._outages: dict[str, str] = {}
        """The steps of the last pass that a server error has interrupted, with the error."""
        self._stalled = ""

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
        before, self._outages = self._outages, {}
        due_seconds = None
        duties = self._attempt("begin", lambda: self._begin(before))
        if duties is not None:
            for duty in duties:
                self._perform(duty)
            due_seconds = self._attempt("next_due", self._seconds_to_next_due)
            if not self._outages:
                self._attempt("consumer", self._check_consumer)
        self._log_change(before)
        return self._interval_seconds if due_seconds is None else min(self._interval_seconds, due_seconds)

    def _begin(self, outages: dict[str, str]) -> list[Duty]:
        """Report that this worker is alive; return its duties of this pass. Raises when a server is away."""
        if self._runtime.services is not None:
            services.ensure(self._runtime.settings.home)
        self._announce(outages)
        return [*self._worker_duties, *self._elected_duties()]

    def _announce(self, outages: dict[str, str]) -> None:
        announce(self._runtime, next(iter(outages.values()), self._stalled))

    def _elected_duties(self) -> list[Duty]:
        """Return the duties of the fleet that this worker performs now; none when another one was elected."""
        interval_seconds = self._interval_seconds
        with self._runtime.store.transaction() as tx:
            if not tx.duties.take(SWEEP, worker=worker_name(), interval_seconds=interval_seconds * PART_OF_INTERVAL):
                return []
            return [
                duty
                for duty in self._fleet_duties
                if duty.interval_seconds <= interval_seconds
                or tx.duties.take(duty.name, worker=worker_name(), interval_seconds=duty.interval_seconds)
            ]

    def _perform(self, duty: Duty) -> None:
        """Run a duty; when it was interrupted, perhaps after a long wait, report again that this worker is alive."""
        self._attempt(duty.name, duty.run)
        if duty.name in self._outages:
            self._attempt("heartbeat", lambda: self._announce(self._outages))

    def _attempt(self, name: str, step: Callable[[], Result]) -> Result | None:
        """Run one step of the pass. A failure is recorded and logged, and doesn't stop the other steps."""
        try:
            return step()
        except (*SERVER_ERRORS, OSError) as error:
            self._outages[name] = str(error) if isinstance(error, BotticelliError) else type(error).__name__
            self._note_outage()
            self._log_lock_holders(error)
        except Exception:
            logger.exception("duty_failed duty=%s", name)
        return None

    def _note_outage(self) -> None:
        for duty in (*self._worker_duties, *self._fleet_duties):
            if isinstance(duty, OutageAware):
                duty.note_outage()

    def _seconds_to_next_due(self) -> float | None:
        with self._runtime.store.transaction() as tx:
            return tx.runs.seconds_to_next_due()

    def _log_lock_holders(self, error: Exception) -> None:
        """Log which sessions held rows locked for too long, as far as the server says it."""
        if getattr(getattr(error, "orig", None), "pgcode", None) not in LOCKED:
            return
        with suppress(*SERVER_ERRORS):
            for holder in self._runtime.store.lock_holders(LOCK_SECONDS / 2):
                log("rows_held", level=logging.WARNING, **{name: _rounded(value) for name, value in holder.items()})

    def _log_change(self, before: dict[str, str]) -> None:
        """Log an outage once when it begins or changes, and once when it is over."""
        if self._outages == before:
            return
        if self._outages:
            error, duties = next(iter(self._outages.values())), ",".join(self._outages)
            log("sweep_interrupted", level=logging.WARNING, error=error, duties=duties)
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
