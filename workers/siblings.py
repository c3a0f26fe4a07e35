"""A worker with many threads as several processes, for Python runs one thread of a process at a time.

The process that was started watches the others: one that is killed is started again, all end when it is told to end. It
performs nothing itself.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from celery.concurrency import get_implementation
from celery.platforms import create_pidlock
from celery.utils.nodenames import nodename, nodesplit
from celery.utils.sysinfo import cpu_budget

THREADS_OF_ONE_PROCESS = 64
"""More of them, that all wait for providers, need more than one core."""
RESTART_SECONDS = 1.0
"""A process that is killed again and again is started no oftener."""
TELLING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

_watched: list[int] = []
"""The process that watches this one, if one does."""


def split(worker: Any, wanted: int | None) -> None:
    """Of Celery's `worker`, before it has made anything: returns in each process that is to perform, with a name and a
    share of the threads, and never in the one that watches them, which exits as they did.

    `wanted`: processes; None: one for each 64 threads, at most one for each core.
    """
    count = number_of_processes(worker.concurrency, wanted) if can_be_split(worker) else 1
    if count > 1:
        Watch(worker, count).run()


def number_of_processes(threads: int, wanted: int | None) -> int:
    """For so many threads."""
    if wanted is None:
        wanted = min(cpu_budget().count, threads // THREADS_OF_ONE_PROCESS)
    return max(1, min(wanted, threads))


def can_be_split(worker: Any) -> bool:
    """Not a worker within another program, nor one with parts that only one process may have."""
    alone = any(worker.options.get(part) for part in ("beat", "autoscale", "statedb"))
    has_threads = get_implementation(worker.pool_cls).__module__.endswith("thread")
    return has_threads and not alone and isinstance(worker.concurrency, int) and threading.active_count() == 1


def leave_interrupts_to_the_watch() -> None:
    """Ctrl-C reaches all processes; the one that watches passes it on, and twice would mean that there is a hurry."""
    if _watched:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class Watch:
    """Over `count` processes of Celery's `worker`."""

    def __init__(self, worker: Any, count: int) -> None:
        self._worker = worker
        self._count = count
        self._running: dict[int, tuple[int, float]] = {}
        self._told = False
        self._exit_code = 0
        self._tether, self._end_of_tether = os.pipe()
        self._pid_file = create_pidlock(worker.pidfile) if worker.pidfile else None
        worker.pidfile = None

    def run(self) -> None:
        """Returns in the others."""
        signal.pthread_sigmask(signal.SIG_BLOCK, TELLING)
        earlier = {one: signal.signal(one, self._tell) for one in TELLING}
        waiting = list(range(1, self._count + 1))
        while waiting or self._running:
            while waiting:
                number = waiting.pop(0)
                if self._start(number):
                    return self._perform(number, earlier)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, TELLING)
            waiting += self._await_an_end()
            signal.pthread_sigmask(signal.SIG_BLOCK, TELLING)
            if self._told:
                waiting.clear()
        sys.exit(self._exit_code)

    def _start(self, number: int) -> bool:
        """Whether this is the new process."""
        pid = os.fork()
        if pid:
            self._running[pid] = number, time.monotonic()
        return not pid

    def _await_an_end(self) -> list[int]:
        """The numbers of those that are to be started again: only what was killed is."""
        pid, status = os.wait()
        if pid not in self._running:
            return []
        number, since = self._running.pop(pid)
        exit_code = os.waitstatus_to_exitcode(status)
        if exit_code >= 0 or -exit_code in TELLING:
            self._exit_code = self._exit_code or max(exit_code, 0)
            self._tell(signal.SIGTERM)
            return []
        if not self._told:
            said = f"botticelli: process {number} of this worker was killed by signal {-exit_code}; it is started again"
            print(said, file=sys.stderr, flush=True)
            time.sleep(max(0.0, since + RESTART_SECONDS - time.monotonic()))
        return [number]

    def _tell(self, number: int, _: object = None) -> None:
        """All of them to end; again: at once."""
        self._told = True
        for pid in tuple(self._running):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT if number == signal.SIGQUIT else signal.SIGTERM)

    def _perform(self, number: int, handlers: dict[signal.Signals, Any]) -> None:
        """In a new process."""
        _watched.append(os.getppid())
        os.close(self._end_of_tether)
        if self._pid_file:
            atexit.unregister(self._pid_file.release)
        for one, handler in handlers.items():
            signal.signal(one, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TELLING)
        threading.Thread(target=self._end_with_the_watch, name="tether", daemon=True).start()
        share, more = divmod(self._worker.concurrency, self._count)
        self._worker.concurrency = share + (number <= more)
        if number > 1:
            name, host = nodesplit(self._worker.hostname)
            self._worker.hostname = nodename(f"{name}-{number}", host)

    def _end_with_the_watch(self) -> None:
        """What it performs may end, as after any SIGTERM."""
        os.read(self._tether, 1)
        os.kill(os.getpid(), signal.SIGTERM)
