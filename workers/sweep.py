"""The recovery sweep: gives lost iterations back, publishes what nobody claimed, wakes what is due. Performs no act.

Runs in every worker, needs no leader and no beat: whatever two sweeps do at once, rows are locked or the update finds
them changed.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from sqlalchemy import func

from botticelli import services
from botticelli.budget import Ticket
from botticelli.carousel import Publication, advance, publish
from botticelli.carousel.dispatch import TICKET_LEASE_SECONDS
from botticelli.carousel.levers import release_all, stop_admission
from botticelli.runtime import Runtime
from botticelli.store import Lost, Transaction
from botticelli.telemetry import log, logger
from workers.outages import SERVERS_AWAY
from workers.presence import announce

BATCH = 100
PUT_OFF_SECONDS = 60.0


class Sweep(threading.Thread):
    """A pass each `sweep_interval_seconds`, or as soon as the next parked run is due, until `stop`."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(name="sweep", daemon=True)
        self._runtime = runtime
        self._woken = threading.Event()
        self._stopped = False

    def run(self) -> None:
        pause_seconds = self._interval_seconds
        while not self._stopped:
            self._woken.wait(pause_seconds)
            self._woken.clear()
            pause_seconds = self._pass()

    def wake(self) -> None:
        """Something was parked: look when it is due."""
        self._woken.set()

    def stop(self) -> None:
        self._stopped = True
        self._woken.set()

    def _pass(self) -> float:
        """Seconds until the next one."""
        try:
            if self._runtime.services is not None:
                services.ensure(self._runtime.settings.home)
            announce(self._runtime)
            sweep(self._runtime)
            with self._runtime.store.transaction() as tx:
                due_seconds = tx.runs.seconds_to_next_due()
        except (*SERVERS_AWAY, OSError) as error:
            log("sweep_interrupted", level=logging.WARNING, error=type(error).__name__)
            due_seconds = None
        except Exception:
            logger.exception("sweep_failed")
            due_seconds = None
        return self._interval_seconds if due_seconds is None else min(self._interval_seconds, due_seconds)

    @property
    def _interval_seconds(self) -> float:
        return self._runtime.settings.worker.sweep_interval_seconds


_sweeps: list[Sweep] = []


def start(runtime: Runtime) -> None:
    """Start the sweep of this process."""
    _sweeps.append(Sweep(runtime))
    _sweeps[-1].start()


def wake() -> None:
    """Let the sweep of this process, if it has one, look when the next run is due."""
    for one in _sweeps:
        one.wake()


def stop() -> None:
    while _sweeps:
        _sweeps.pop().stop()


def sweep(runtime: Runtime) -> None:
    """One pass over everything that is due."""
    _requeue_lost(runtime)
    _publish_unclaimed(runtime)
    _wake_due(runtime)
    with runtime.store.transaction() as tx:
        tx.state.sweep()
        tx.media.sweep()


def _requeue_lost(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        lost = tx.iterations.lost(BATCH)
    for iteration in lost:
        with runtime.store.transaction() as tx:
            tickets = _take_back(runtime, tx, iteration)
            if tickets is None:
                continue
            publications = advance(runtime, tx, tx.runs.lock(iteration.run_id))
        release_all(runtime, tickets)
        publish(runtime, publications)


def _take_back(runtime: Runtime, tx: Transaction, lost: Lost) -> list[Ticket] | None:
    """Queue it again, or fail it when it has cost too many workers. The tickets that are to be released; None when
    another sweep was first."""
    run = tx.runs.lock(lost.run_id)
    if not tx.iterations.requeue(lost.run_id, lost.number, lost.fence):
        return None
    log("worker_lost", level=logging.WARNING, run=lost.run_id, iteration=lost.number, worker=lost.worker)
    runtime.events.tell(lost.run_id, "worker_lost", number=lost.number, worker=lost.worker, attempt=lost.attempt)
    tx.ledger.abandon(lost.run_id, lost.number)
    tickets = [Ticket.from_json(lost.ticket)] if lost.ticket else []
    if run.ending is not None:
        tx.iterations.cancel_queued(lost.run_id)
    elif lost.attempt >= runtime.settings.worker.max_attempts:
        error = f"{lost.attempt} workers were lost while they performed it"
        tx.iterations.fail_queued(lost.run_id, lost.number, error)
        tx.runs.count_iteration(run, lost.number, succeeded=False, failed=True)
        if not run.continue_on_error:
            tickets += stop_admission(runtime, tx, run, "failed", f"iteration {lost.number}: {error}")
    return tickets


def _publish_unclaimed(runtime: Runtime) -> None:
    grace_seconds = runtime.settings.worker.redelivery_grace_seconds
    with runtime.store.transaction() as tx:
        unclaimed = tx.iterations.unclaimed(BATCH, grace_seconds=grace_seconds)
    for one in unclaimed:
        ticket = Ticket.from_json(one.ticket)
        runtime.budget.renew(ticket.id, [share.scope for share in ticket.shares], TICKET_LEASE_SECONDS)
    publish(runtime, [Publication(one.run_id, one.number, one.narrative, one.publishes) for one in unclaimed])


def _wake_due(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        due = tx.runs.due(BATCH)
    for run_id in due:
        try:
            with runtime.store.transaction() as tx:
                run = tx.runs.lock(run_id)
                is_due = run.due_at is not None and run.due_at <= run.now
                publications = advance(runtime, tx, run) if is_due else []
            publish(runtime, publications)
        except SERVERS_AWAY:
            raise
        except Exception:
            logger.exception("run_not_advanced run=%s", run_id)
            _put_off(runtime, run_id)


def _put_off(runtime: Runtime, run_id: str) -> None:
    """A run that can't be advanced doesn't keep the others waiting; it is looked at again later."""
    with runtime.store.transaction() as tx:
        tx.runs.set(run_id, due_at=func.now() + timedelta(seconds=PUT_OFF_SECONDS))
