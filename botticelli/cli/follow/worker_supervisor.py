"""Sees to it that a worker performs the run: starts one where there is none, and another when that one dies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from botticelli.cli.base.context import Invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.follow.worker_process import WorkerProcess
from botticelli.errors import BotticelliError

STARTS_IN_A_ROW = 5
STEADY_SECONDS = 30.0
ABSENT_SECONDS = 3.0
"""How long no worker has said that it is alive before one is started; each says so every second."""
LOOK_SECONDS = 1.0
BEYOND_STOP_SECONDS = 25.0
"""A worker takes so long at most after `worker.stop_seconds`: it hands back, Celery ends. Then it is killed."""
HURRY_SECONDS = 5.0
"""So long it may take to hand back when somebody is in a hurry; without a server it can't, and the leases decide."""
LAST_LINES = 5
_POLL_SECONDS = 0.05


class Crew:
    """At most one worker of our own, beside those of others. `say` is told what it does; `starts` may forbid it."""

    def __init__(self, invocation: Invocation, say: Callable[[str], None], *, starts: bool = True) -> None:
        self._invocation = invocation
        self._say = say
        self._starts = starts
        self._own: WorkerProcess | None = None
        self._started_at = 0.0
        self._in_a_row = 0
        self._others_seen_at: float | None = None
        self._looked_at = 0.0
        self.others: int | None = None
        """Workers that have spoken lately, our own among them; None before the first look."""

    @property
    def own_pid(self) -> int | None:
        return self._own.pid if self._own else None

    def tend(self) -> None:
        """To be called several times a second while there is something to do.

        BotticelliError, with the end of its log, when a worker dies again and again.
        """
        now = time.monotonic()
        if self._own is not None:
            self._look_after(self._own, now)
        elif now - self._looked_at >= LOOK_SECONDS or self.others is None:
            self._look_for_others(now)

    def stop(self, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Stop our own worker.

        End our own worker: it may finish what it performs for as long as its settings say, then hands the rest back; at
        once when somebody is in a `hurry`.
        """
        own, self._own = self._own, None
        if own is None or own.ended():
            return
        own.ask_to_end()
        deadline, hurried = time.monotonic() + self._longest_stop_seconds, False
        while own.ended() is None:
            if hurry() and not hurried:
                own.ask_to_end()
                deadline, hurried = time.monotonic() + HURRY_SECONDS, True
            if time.monotonic() >= deadline:
                own.kill()
                self._forget(own)
            time.sleep(_POLL_SECONDS)

    @property
    def _longest_stop_seconds(self) -> float:
        return self._invocation.settings.worker.stop_seconds + BEYOND_STOP_SECONDS

    def _look_for_others(self, now: float) -> None:
        """None at the first look, or none for a while: start one."""
        from botticelli.runtime.heartbeats import live_workers

        is_first, self._looked_at = self.others is None, now
        self.others = len(live_workers(self._invocation.runtime))
        if self.others:
            self._others_seen_at = now
        if not self._starts or self.others:
            return
        if is_first or self._others_seen_at is None:
            self._start("no worker is alive")
        elif now - self._others_seen_at >= ABSENT_SECONDS:
            self._start("the other workers are gone")

    def _look_after(self, own: WorkerProcess, now: float) -> None:
        if now - self._started_at >= STEADY_SECONDS:
            self._in_a_row = 0
        how = own.ended()
        if how is None:
            return
        if self._in_a_row >= STARTS_IN_A_ROW:
            raise self._hopeless(own, how)
        self._start(f"worker {own.pid} has died ({how})")

    def _start(self, why: str) -> None:
        self._own = WorkerProcess(self._invocation)
        self._started_at = time.monotonic()
        self._in_a_row += 1
        self._say(f"{why}; started worker {self._own.pid}, log: {self._own.log}")

    def _forget(self, own: WorkerProcess) -> None:
        """One that was killed can't say goodbye, and the next `run` would take it for alive."""
        from redis.exceptions import RedisError

        from botticelli.runtime.heartbeats import live_workers, presence_key

        runtime = self._invocation.runtime
        with contextlib.suppress(RedisError):  # it is only a hint, and runs out by itself
            for name in live_workers(runtime):
                if name.endswith(f":{own.pid}"):
                    runtime.redis.delete(presence_key(runtime.settings.redis.prefix, name))

    def _hopeless(self, own: WorkerProcess, how: str) -> BotticelliError:
        end = " | ".join(own.last_lines(LAST_LINES)) or "nothing"
        return BotticelliError(
            f"{self._in_a_row} workers in a row have died, the last one with {how}; its log ends with: {safe(end)}",
            where=str(own.log),
            do="put that right, then go on with `botticelli runs resume`, or start a worker yourself",
        )
