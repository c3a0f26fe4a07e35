"""Polls a run several times a second until it ends or pauses, updates the view, keeps a worker and handles Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from redis import exceptions as redis_errors
from sqlalchemy import exc as sql_errors

from botticelli import services
from botticelli.carousel import pause
from botticelli.cli.base.context import Invocation
from botticelli.cli.base.signals import SignalCounter
from botticelli.cli.follow.plain_views import SilentView
from botticelli.cli.follow.view import RunSnapshot, View
from botticelli.cli.follow.worker_supervisor import WorkerSupervisor
from botticelli.errors import ServiceUnavailable
from botticelli.monitoring.progress import ProgressReader
from botticelli.monitoring.watch import RunUpdate, Watcher
from botticelli.store import Run

POLL_SECONDS = 0.2
OUTAGES = (
    ServiceUnavailable,
    sql_errors.OperationalError,
    sql_errors.InterfaceError,
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
)
CONFIRMATIONS = 2
"""A run counts as paused after this many polls in a row."""
PATIENCE_SECONDS = 60.0
"""How long Postgres or Redis may be down before following stops; the run itself is not affected."""


class Follower:
    """Follows one run. `pauses`: the first Ctrl-C pauses the run; otherwise it only stops following."""

    def __init__(
        self,
        invocation: Invocation,
        run_id: str,
        view: View,
        supervisor: WorkerSupervisor,
        signals: SignalCounter,
        *,
        pauses: bool,
        since: int = 0,
    ) -> None:
        self._runtime = invocation.runtime
        self._run_id = run_id
        self.view = view
        """Replaced by a silent view when the terminal or the pipe is gone."""
        self._supervisor = supervisor
        self._signals = signals
        self._pauses = pauses
        self._watcher = Watcher(run_id, self._runtime.events, since)
        self._progress = ProgressReader(self._runtime, run_id)
        self._updated_at = time.monotonic()
        self._outage_began_at: float | None = None
        self._rests = 0
        self._is_pausing = False

    def run(self) -> Run | None:
        """Follow the run until it ends or pauses; return its last known state, None when it was never read.

        Raises ServiceUnavailable or an error of the client when Postgres or Redis stay down.
        """
        run = None
        with self._runtime.events.listening(self._run_id) as subscription:
            while self._rests < CONFIRMATIONS and not self._is_left:
                with self._outages_tolerated():
                    look = self._look()
                    run = look.run or run
                    self._show(look)
                    if self._signals.count and self._pauses:
                        self._pause()
                    if not look.at_rest:
                        self._supervisor.ensure()
                self._show(RunUpdate(subscription.wait(POLL_SECONDS)))
        return run

    @property
    def _is_left(self) -> bool:
        """Return whether the user has left: at the first Ctrl-C, or at the second where the first pauses the run."""
        return self._signals.count > int(self._pauses)

    def _look(self) -> RunUpdate:
        """Read what is new; the watcher advances only on success, so that no event is lost."""
        if self._runtime.services is not None:
            services.ensure(self._runtime.settings.home)
        watcher = copy(self._watcher)
        with self._runtime.store.transaction() as tx:
            look = watcher.look(tx)
        self._watcher = watcher
        self._count_rest(look)
        return look

    def _count_rest(self, look: RunUpdate) -> None:
        """Count polls at rest; a pause must be seen twice, since a worker may claim an iteration as the run pauses."""
        is_final = look.run is not None and look.run.is_final
        self._rests = 0 if not look.at_rest else CONFIRMATIONS if is_final else self._rests + 1

    def _show(self, look: RunUpdate) -> None:
        try:
            for event in look.events:
                self.view.event(event)
            if look.run is not None and self._is_update_due:
                self._updated_at = time.monotonic()  # also when Redis is away: the next poll reads Postgres alone
                self.view.update(self._snapshot(look.run, look.performing))
        except OSError:  # the terminal or the pipe is gone
            self.view = SilentView()
            self._signals.add()

    @property
    def _is_update_due(self) -> bool:
        return time.monotonic() - self._updated_at >= self.view.update_seconds

    def _snapshot(self, run: Run, performing: int) -> RunSnapshot:
        with self._runtime.store.transaction() as tx:
            progress = self._progress.read(tx, run, performing)
        reader = self._progress
        return RunSnapshot(run, performing, reader.usage, tuple(reader.models), self._workers(), progress)

    def _pause(self) -> None:
        if not self._is_pausing:
            pause(self._runtime, self._run_id)
            self._is_pausing = True
            self.view.note("pausing; waiting for iterations in progress (Ctrl-C again leaves at once)")

    @contextmanager
    def _outages_tolerated(self) -> Iterator[None]:
        """Tolerate an outage of Postgres or Redis for PATIENCE_SECONDS; embedded ones are restarted meanwhile."""
        try:
            yield
            self._outage_began_at = None
        except OUTAGES as error:
            now = time.monotonic()
            if self._outage_began_at is None:
                self._outage_began_at = now
                self.view.note(f"{type(error).__name__}: Postgres or Redis is unavailable; trying again")
            if now - self._outage_began_at >= PATIENCE_SECONDS:
                raise

    def _workers(self) -> str:
        if self._supervisor.own_pid is not None:
            return f"worker {self._supervisor.own_pid}"
        return {None: "", 0: "no worker is alive", 1: "1 worker"}.get(
            self._supervisor.others, f"{self._supervisor.others} workers"
        )
