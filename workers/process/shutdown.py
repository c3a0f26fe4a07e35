"""Ends a worker process in time: running tasks may finish, the rest is handed back, and the process exits.

Celery waits without limit for the threads of a worker that is shutting down. Child processes may be killed at any
moment, since what they hold is handed back first.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from celery.worker import state
from redis.exceptions import RedisError

from botticelli.notices.deliverer import deliverer_of
from botticelli.runtime.heartbeats import depart
from botticelli.runtime.process import Runtime, worker_name
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.log import log
from workers.context.claims import hand_back, keeper_of
from workers.recovery.run_spans import report_last_runs
from workers.transport.places import places

CELERY_SECONDS = 10.0
"""Grace period in seconds for Celery to exit once no task is running."""
HAND_BACK_SECONDS = 10.0
"""Seconds to keep trying to hand back; after that the leases expire."""
NOTICES_SECONDS = 3.0
"""Seconds in which a worker that ends delivers notices."""
POLL_SECONDS = 0.05

Children = Callable[[], Iterable[int]]
"""Returns the process ids at the moment of the call."""


class Flag:
    """A flag that is set once, at any moment, also by a signal handler.

    `threading.Event` has a lock that isn't re-entrant: a handler that interrupts `set()` would wait for itself.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def wait(self, seconds: float) -> bool:
        """Wait until the flag is set, at most `seconds`; return whether it is."""
        deadline = time.monotonic() + seconds
        while not self._is_set and (left_seconds := deadline - time.monotonic()) > 0:
            time.sleep(min(left_seconds, POLL_SECONDS))
        return self._is_set


stopping = Flag()
"""Set once this process is shutting down; waits on it then end."""


def _is_busy() -> bool:
    """Return whether a task runs, or a thread is between two tasks."""
    return bool(state.active_requests) or places.are_taken


class WorkerShutdown(threading.Thread):
    """Shuts a worker down, beginning at once.

    `exit_code` applies when Celery doesn't end the process by itself; `children` are the processes of its pool, if any:
    they are killed before what they hold is handed back.
    """

    def __init__(
        self, runtime: Runtime, *, finish_seconds: float, exit_code: int = 0, children: Children = tuple
    ) -> None:
        super().__init__(name="departure", daemon=True)
        self._runtime = runtime
        self._finish_seconds = finish_seconds
        self._exit_code = exit_code
        self._children = children
        self._hurried = Flag()
        self._killed: set[int] = set()

    def hurry(self) -> None:
        """Hand back now."""
        self._hurried.set()

    def run(self) -> None:
        stopping.set()
        within_seconds = self._finish_seconds
        log("worker_ends", level=logging.WARNING, performing=len(state.active_requests), within_seconds=within_seconds)
        self._wait_while_busy()
        if not _is_busy() and self._exit_code == 0:
            self._hand_back()
            self._hurried.wait(CELERY_SECONDS)
        keeper_of(self._runtime).close()
        self._hand_back()
        leave(self._runtime)
        sys.stdout.flush()
        os._exit(self._exit_code)

    def _wait_while_busy(self) -> None:
        deadline = time.monotonic() + self._finish_seconds
        while _is_busy() and time.monotonic() < deadline and not self._hurried.wait(POLL_SECONDS):
            pass

    def _hand_back(self) -> None:
        """Hand back everything. Celery may still receive messages, also of what is handed back."""
        busy = _is_busy()
        why = "its worker had stalled" if self._exit_code else "its worker was shut down"
        deadline = time.monotonic() + HAND_BACK_SECONDS
        while True:
            try:
                keeper_of(self._runtime).hand_back_all(why)
                self._hand_back_of_children(busy, why)
                return
            except SERVER_ERRORS as error:
                if time.monotonic() >= deadline:
                    log("left_to_the_leases", level=logging.WARNING, error=type(error).__name__)
                    return
                threading.Event().wait(POLL_SECONDS)

    def _hand_back_of_children(self, busy: bool, why: str) -> None:
        self._killed |= set(self._children()) if busy else set()
        for pid in self._killed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._killed:
            with self._runtime.store.transaction() as tx:
                claims = tx.iterations.held_by([worker_name(pid) for pid in self._killed])
            for claim in claims:
                hand_back(self._runtime, claim, why)


def leave(runtime: Runtime) -> None:
    """Deliver the last notices, record that this worker is gone, and close its connections."""
    _deliver_notices(runtime)
    report_last_runs(runtime)
    try:
        depart(runtime)
    except RedisError as error:
        log("departure_not_said", level=logging.INFO, error=type(error).__name__)
    runtime.close()


def _deliver_notices(runtime: Runtime) -> None:
    """Deliver what is due, such as the end of the last run: perhaps no other worker is there. The rest waits for one."""
    if not runtime.settings.notify:
        return
    try:
        deliverer_of(runtime).flush(NOTICES_SECONDS)
    except SERVER_ERRORS as error:
        log("notices_left", level=logging.WARNING, error=type(error).__name__)
