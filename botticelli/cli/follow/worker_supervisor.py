"""Keeps a worker alive for the run: starts one where there is none, and restarts it when it dies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from botticelli.cli.base.context import Invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.follow.worker_process import WorkerProcess
from botticelli.errors import BotticelliError

MAX_RESTARTS = 5
STEADY_SECONDS = 30.0
ABSENT_SECONDS = 3.0
"""How long no heartbeat must be seen before a worker is started; workers send one every second."""
CHECK_SECONDS = 1.0
BEYOND_STOP_SECONDS = 25.0
"""Time after `worker.shutdown_grace_seconds` for a worker to hand back and exit, before it is killed."""
HURRY_SECONDS = 5.0
"""Time to hand back after a second Ctrl-C; without a server it can't, and its leases expire instead."""
LAST_LINES = 5
_POLL_SECONDS = 0.05


class WorkerSupervisor:
    """Supervises at most one own worker beside others. `say` receives messages; `starts` False starts none."""

    def __init__(self, invocation: Invocation, say: Callable[[str], None], *, starts: bool = True) -> None:
        self._invocation = invocation
        self._say = say
        self._starts = starts
        self._own: WorkerProcess | None = None
        self._started_at = 0.0
        self._restarts = 0
        self._others_seen_at: float | None = None
        self._checked_at = 0.0
        self.others: int | None = None
        """Number of live workers, the own one included; None before the first check."""

    @property
    def own_pid(self) -> int | None:
        return self._own.pid if self._own else None

    def ensure(self) -> None:
        """Start or restart a worker where needed; call this several times a second while the run goes on.

        Raises BotticelliError, with the end of the log, when the worker keeps dying.
        """
        now = time.monotonic()
        if self._own is not None:
            self._check_own(self._own, now)
        elif now - self._checked_at >= CHECK_SECONDS or self.others is None:
            self._check_others(now)

    def stop(self, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Stop the own worker, and wait for it.

        It may finish its iterations within `worker.shutdown_grace_seconds`, then hands the rest back; at once when `hurry`
        returns True.
        """
        own, self._own = self._own, None
        if own is None or own.ended():
            return
        own.ask_to_end()
        deadline, hurried = time.monotonic() + self._max_shutdown_seconds, False
        while own.ended() is None:
            if hurry() and not hurried:
                own.ask_to_end()
                deadline, hurried = time.monotonic() + HURRY_SECONDS, True
            if time.monotonic() >= deadline:
                own.kill()
                self._forget(own)
            time.sleep(_POLL_SECONDS)

    @property
    def _max_shutdown_seconds(self) -> float:
        return self._invocation.settings.worker.shutdown_grace_seconds + BEYOND_STOP_SECONDS

    def _check_others(self, now: float) -> None:
        """Count live workers; start one when there is none at first, or none for ABSENT_SECONDS."""
        from botticelli.runtime.heartbeats import live_workers

        is_first, self._checked_at = self.others is None, now
        self.others = len(live_workers(self._invocation.runtime))
        if self.others:
            self._others_seen_at = now
        if not self._starts or self.others:
            return
        if is_first or self._others_seen_at is None:
            self._start("no worker is alive")
        elif now - self._others_seen_at >= ABSENT_SECONDS:
            self._start("no other worker is alive any more")

    def _check_own(self, own: WorkerProcess, now: float) -> None:
        if now - self._started_at >= STEADY_SECONDS:
            self._restarts = 0
        how = own.ended()
        if how is None:
            return
        if self._restarts >= MAX_RESTARTS:
            raise self._too_many_restarts(own, how)
        self._start(f"worker {own.pid} died ({how})")

    def _start(self, why: str) -> None:
        self._own = WorkerProcess(self._invocation)
        self._started_at = time.monotonic()
        self._restarts += 1
        self._say(f"{why}; started worker {self._own.pid}, log: {self._own.log}")

    def _forget(self, own: WorkerProcess) -> None:
        """Delete the heartbeat of a killed worker, which the next `run` would take for alive."""
        from redis.exceptions import RedisError

        from botticelli.runtime.heartbeats import heartbeat_key, live_workers

        runtime = self._invocation.runtime
        with contextlib.suppress(RedisError):  # the heartbeat expires by itself
            for name in live_workers(runtime):
                if name.endswith(f":{own.pid}"):
                    runtime.redis.delete(heartbeat_key(runtime.settings.redis.prefix, name))

    def _too_many_restarts(self, own: WorkerProcess, how: str) -> BotticelliError:
        end = " | ".join(own.last_lines(LAST_LINES)) or "nothing"
        return BotticelliError(
            f"{self._restarts} workers in a row died, the last with {how}; its log ends with: {safe(end)}",
            where=str(own.log),
            do="fix this, then resume with `botticelli runs resume`, or start a worker yourself",
        )
