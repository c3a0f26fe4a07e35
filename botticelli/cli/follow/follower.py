"""Follows a run to its rest: looks at it several times a second, tells a view, keeps a crew, obeys Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from redis import exceptions as redis_errors
from sqlalchemy import exc as sql_errors

from botticelli import services
from botticelli.budget import ScopeUsage
from botticelli.carousel import pause
from botticelli.cli.base.context import Invocation
from botticelli.cli.base.signals import Interruptions
from botticelli.cli.follow.budget_bars import Gauges
from botticelli.cli.follow.plain_views import SilentView
from botticelli.cli.follow.view import Picture, View
from botticelli.cli.follow.worker_supervisor import Crew
from botticelli.errors import ServiceUnavailable
from botticelli.monitoring.watch import Look, Watcher
from botticelli.store import Run

POLL_SECONDS = 0.2
AWAY = (
    ServiceUnavailable,
    sql_errors.OperationalError,
    sql_errors.InterfaceError,
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
)
RESTS = 2
PATIENCE_SECONDS = 60.0
"""How long Postgres or Redis may be away before the following gives up; the run itself is none the worse for it."""


class Following:
    """One run that is followed. `pauses`: Ctrl-C pauses the run; otherwise it only ends the following."""

    def __init__(
        self,
        invocation: Invocation,
        run_id: str,
        view: View,
        crew: Crew,
        interruptions: Interruptions,
        *,
        pauses: bool,
        since: int = 0,
    ) -> None:
        self._runtime = invocation.runtime
        self._run_id = run_id
        self.view = view
        """Becomes a silent one when the terminal or the pipe is gone."""
        self._crew = crew
        self._interruptions = interruptions
        self._pauses = pauses
        self._watcher = Watcher(run_id, self._runtime.events, since)
        self._gauges = Gauges(self._runtime, run_id)
        self._began: tuple[float, int] | None = None
        self._away_since: float | None = None
        self._rests = 0
        self._is_pausing = False

    def follow(self) -> Run | None:
        """The run when it is at rest, or as it was when an interruption made us leave; None when it never appeared.

        ServiceUnavailable or an error of the client when Postgres or Redis stay away.
        """
        run = None
        with self._runtime.events.listening(self._run_id) as ear:
            while self._rests < RESTS and not self._is_left:
                with self._patience():
                    look = self._look()
                    run = look.run or run
                    self._show(look)
                    if self._interruptions.count and self._pauses:
                        self._pause()
                    if not look.at_rest:
                        self._crew.tend()
                self._show(Look(ear.wait(POLL_SECONDS)))
        return run

    @property
    def _is_left(self) -> bool:
        """Where Ctrl-C pauses the run, it takes two to leave it."""
        return self._interruptions.count > int(self._pauses)

    def _look(self) -> Look:
        """What is new. The watcher moves on only when the look has succeeded, so that no event is lost."""
        if self._runtime.services is not None:
            services.ensure(self._runtime.settings.home)
        watcher = copy(self._watcher)
        with self._runtime.store.transaction() as tx:
            look = watcher.look(tx)
        self._watcher = watcher
        self._count_rest(look)
        return look

    def _count_rest(self, look: Look) -> None:
        """A pause counts when it is seen twice: a worker may have claimed an iteration just as the run was paused."""
        is_final = look.run is not None and look.run.is_final
        self._rests = 0 if not look.at_rest else RESTS if is_final else self._rests + 1

    def _show(self, look: Look) -> None:
        try:
            for event in look.events:
                self.view.event(event)
            if look.run is not None and self.view.is_live:
                self.view.picture(self._picture(look.run, look.performing))
        except OSError:  # the terminal or the pipe is gone
            self.view = SilentView()
            self._interruptions.add()

    def _picture(self, run: Run, performing: int) -> Picture:
        usage: tuple[ScopeUsage, ...] = ()
        failures: tuple[tuple[str, int], ...] = ()
        if not run.is_final:
            with self._runtime.store.transaction() as tx:
                usage = self._gauges.read(tx)
                failures = tx.iterations.failures(run.id).causes if run.failed else ()
        pace = self._seconds_each(run)
        return Picture(
            run,
            performing,
            usage,
            tuple(self._gauges.models),
            self._workers(),
            eta_seconds(run, pace),
            60 / pace if pace else None,
            failures,
        )

    def _pause(self) -> None:
        if not self._is_pausing:
            pause(self._runtime, self._run_id)
            self._is_pausing = True
            self.view.note("pausing; waiting for what is being performed (Ctrl-C again leaves at once)")

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Postgres and Redis may be away for a while: they are restarted, and the run goes on."""
        try:
            yield
            self._away_since = None
        except AWAY as error:
            now = time.monotonic()
            if self._away_since is None:
                self._away_since = now
                self.view.note(f"{type(error).__name__}: Postgres or Redis is away; trying again")
            if now - self._away_since >= PATIENCE_SECONDS:
                raise

    def _workers(self) -> str:
        if self._crew.own_pid is not None:
            return f"worker {self._crew.own_pid}"
        return {None: "", 0: "no worker is alive", 1: "1 worker"}.get(self._crew.others, f"{self._crew.others} workers")

    def _seconds_each(self, run: Run) -> float | None:
        """How long an iteration takes at the pace since the first look; None before anything has finished."""
        attempted = run.succeeded + run.failed
        if self._began is None:
            self._began = time.monotonic(), attempted
        began_at, before = self._began
        return (time.monotonic() - began_at) / (attempted - before) if attempted > before else None


def eta_seconds(run: Run, seconds_each: float | None) -> float | None:
    """Until the run ends: the rest at this pace, after the wait of a waiting run. None while nobody can know."""
    if seconds_each is None or run.status not in ("running", "waiting"):
        return None
    left = seconds_each * (run.iterations - run.succeeded - run.failed)
    if run.status == "waiting" and run.due_at is not None:
        left += max(0.0, (run.due_at - run.now).total_seconds())
    return left
