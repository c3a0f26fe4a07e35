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
import traceback
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
HEARD = (*TELLING, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD, signal.SIGALRM)
"""By the process that watches, one after the other: they are blocked there, and it waits for them."""
OF_WATCH = (signal.SIGHUP, signal.SIGUSR1)
"""They reach the process that watches; they would end one that performs before Celery has a handler for SIGUSR1."""
REMEDY = "raise the limit of processes (ulimit -u, TasksMax, pids) or of memory, or set worker.processes = 1"

_is_watched = False
"""Whether another process watches this one."""


def split(worker: Any, wanted: int | None) -> None:
    """Of Celery's `worker`, before it has made anything: returns in each process that is to perform, with a name and a
    share of the threads, and never in the one that watches them, which exits as they did.

    `wanted`: processes; None: one for each 64 threads, at most one for each core.
    """
    count = number_of_processes(worker.concurrency, wanted) if can_be_split(worker) else 1
    if count > 1:
        try:
            Watch(worker, count).run()
        except Exception:  # after which Celery would let this process perform, beside those that it watches
            traceback.print_exc()
            raise SystemExit(1) from None


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
    if _is_watched:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _say(what: str) -> None:
    """Where nobody listens any more, watching goes on."""
    with suppress(OSError):
        print(f"botticelli: {what}", file=sys.stderr, flush=True)


class Watch:
    """Over `count` processes of Celery's `worker`."""

    def __init__(self, worker: Any, count: int) -> None:
        self._worker = worker
        self._count = count
        self._waiting = dict.fromkeys(range(1, count + 1), 0.0)
        """The numbers of those that are to be started, and from when on (monotonic seconds)."""
        self._running: dict[int, tuple[int, float]] = {}
        self._refused = False
        self._ending = False
        self._begins_anew = False
        """When all have ended; otherwise it exits."""
        self._exit_code = 0
        self._earlier: dict[signal.Signals, Any] = {}
        self._tether, self._end_of_tether = os.pipe()
        self._pid_file = create_pidlock(worker.pidfile) if worker.pidfile else None
        worker.pidfile = None

    def run(self) -> None:
        """Returns in the others."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        self._earlier = {one: signal.signal(one, lambda *_: None) for one in HEARD}
        while not (number := self._start()) and (self._waiting or self._running):
            self._hear(signal.sigwait(HEARD))
        if number:
            return self._perform(number)
        if self._begins_anew:
            self._stop_listening()
            os.execv(sys.executable, [sys.executable, *sys.argv])
        sys.exit(self._exit_code)

    def _start(self) -> int:
        """Those whose moment has come. The number of this process if it is a new one, otherwise 0."""
        for number, moment in tuple(self._waiting.items()):
            if moment > time.monotonic():
                continue
            try:
                pid = os.fork()
            except OSError as error:
                self._refuse(number, str(error.strerror))
                continue
            if not pid:
                return number
            del self._waiting[number]
            self._running[pid] = number, time.monotonic()
            self._refused = False
        if self._waiting:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, min(self._waiting.values()) - time.monotonic()))
        return 0

    def _refuse(self, number: int, reason: str) -> None:
        """The others go on, and it is tried again and again."""
        if not self._refused:
            which = f"worker {self._worker.hostname}: process {number} of {self._count}"
            _say(f"{which} can't be started: {reason}; it is tried every second; {REMEDY}")
        self._refused = True
        self._waiting[number] = time.monotonic() + RESTART_SECONDS

    def _hear(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._bury()
        elif number == signal.SIGUSR1:
            self._pass_on(number)
        elif number in TELLING:
            self._begins_anew = False
            self._end_all(number)
        elif number == signal.SIGHUP and not self._ending:
            self._begins_anew = not os.isatty(1)
            self._end_all(signal.SIGTERM)

    def _bury(self) -> None:
        """All that have ended, also those that other programs left to this process."""
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if pid in self._running:
                self._after(*self._running.pop(pid), os.waitstatus_to_exitcode(status))

    def _after(self, number: int, since: float, exit_code: int) -> None:
        """The end of one: only what was killed is started again."""
        if exit_code >= 0 or -exit_code in TELLING:
            self._exit_code = self._exit_code or max(exit_code, 0)
            if not self._ending:  # told once more, they would make haste
                self._end_all(signal.SIGTERM)
        elif not self._ending:
            _say(f"process {number} of this worker was killed by signal {-exit_code}; it is started again")
            self._waiting[number] = since + RESTART_SECONDS

    def _end_all(self, number: int) -> None:
        """Again: at once."""
        self._ending = True
        self._waiting.clear()
        self._pass_on(signal.SIGQUIT if number == signal.SIGQUIT else signal.SIGTERM)

    def _pass_on(self, number: int) -> None:
        for pid in self._running:
            with suppress(ProcessLookupError):  # has ended, where that is no process any more
                os.kill(pid, number)

    def _stop_listening(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if signal.SIGALRM in signal.sigpending():
            signal.sigwait((signal.SIGALRM,))
        for one, handler in self._earlier.items():
            signal.signal(one, handler or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)

    def _perform(self, number: int) -> None:
        """In a new process."""
        global _is_watched
        _is_watched = True
        os.close(self._end_of_tether)
        if self._pid_file:
            atexit.unregister(self._pid_file.release)
        self._earlier |= dict.fromkeys(OF_WATCH, signal.SIG_IGN)
        self._worker._isatty = True  # has no public name; otherwise Celery starts this one anew after a hangup
        self._stop_listening()
        self._tie()
        share, more = divmod(self._worker.concurrency, self._count)
        self._worker.concurrency = share + (number <= more)
        if number > 1:
            name, host = nodesplit(self._worker.hostname)
            self._worker.hostname = nodename(f"{name}-{number}", host)

    def _tie(self) -> None:
        try:
            threading.Thread(target=self._end_with_the_watch, name="tether", daemon=True).start()
        except RuntimeError as error:
            _say(f"worker {self._worker.hostname}: {error}; {REMEDY}")
            raise SystemExit(1) from None

    def _end_with_the_watch(self) -> None:
        """What it performs may end, as after any SIGTERM."""
        os.read(self._tether, 1)
        os.kill(os.getpid(), signal.SIGTERM)
