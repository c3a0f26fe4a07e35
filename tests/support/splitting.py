"""A program that is split like a worker, and says in each process who it is; it performs nothing and needs no servers.

Its arguments are what it meets: `die` kills those that perform at once, `unwatched` has a parent that ignored its children,
`refused N M` lets the forks from the Nth to the Mth fail, `broken` the first one in a way that nobody knows, `threadless` lets
no thread begin, `hasty` has each funeral interrupted by a SIGTERM.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
import threading
import time
import traceback
from types import SimpleNamespace

from workers import siblings

forks = itertools.count(1)
real_fork, real_kill, real_waitpid = os.fork, os.kill, os.waitpid
buried: set[int] = set()


def say(line: str) -> None:
    """In one piece, for several say something at the same time."""
    os.write(1, f"{line}\n".encode())


def fork_sometimes() -> int:
    """The process limit is reached, or something that cannot be."""
    number = next(forks)
    if "broken" in sys.argv:
        raise LookupError("unheard of")
    first, last = (int(one) for one in sys.argv[-2:])
    if first <= number <= last:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return real_fork()


def bury_and_be_told(pid: int, options: int) -> tuple[int, int]:
    """Between this and the next line of the caller."""
    ended, status = real_waitpid(pid, options)
    if ended:
        buried.add(ended)
        real_kill(os.getpid(), signal.SIGTERM)
    return ended, status


def kill_the_living(pid: int, number: int) -> None:
    """By now another program may have this number."""
    if pid in buried:
        say(f"signal {number} for a process that is buried")
    real_kill(pid, number)


def refuse_a_thread(_: threading.Thread) -> None:
    """What Python says where the limit of processes is reached, of which each thread is one."""
    raise RuntimeError("can't start new thread")


def main() -> None:
    say("comes up with an alarm that ends it" if signal.getitimer(signal.ITIMER_REAL)[0] else "comes up")
    if {"refused", "broken"} & {*sys.argv}:
        os.fork = fork_sometimes
    if "unwatched" in sys.argv:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if "hasty" in sys.argv:
        os.waitpid, os.kill = bury_and_be_told, kill_the_living
        os.wait = lambda: bury_and_be_told(-1, 0)
    worker = SimpleNamespace(pool_cls="threads", concurrency=5, options={}, pidfile=None, hostname="w@here")
    if "threadless" in sys.argv:
        threading.Thread.start = refuse_a_thread
    try:
        siblings.split(worker, 2)
    except Exception:  # as in Celery, which goes on
        traceback.print_exc()
    signal.signal(signal.SIGUSR1, lambda *_: say("stacks"))
    say(f"{worker.hostname} {worker.concurrency} begins: {os.getpid()} {time.monotonic():.2f}")
    if "die" in sys.argv:
        real_kill(os.getpid(), signal.SIGKILL)
    while True:
        time.sleep(0.01)  # and no pause(), which would miss a signal right before it


if __name__ == "__main__":
    main()
