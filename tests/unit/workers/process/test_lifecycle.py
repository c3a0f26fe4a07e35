"""Changes of a worker process to itself as it becomes ready."""

from __future__ import annotations

import select
import subprocess
import sys

from tests.support.fleet.processes import ROOT

PROGRAM = """
import gc
from workers.process import lifecycle

lifecycle.collect_garbage_less_often()
print(gc.get_freeze_count() > 10_000, gc.get_threshold()[0] == lifecycle.NEW_OBJECTS_BEFORE_COLLECTION > 700)
"""


POOL = """
import os, signal, sys, threading
from workers.process import lifecycle

if os.fork() == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    lifecycle.end_with_the_worker()
    print("waits", flush=True)
    threading.Event().wait()
signal.pause()
"""


def test_ready_worker_exempts_loaded_modules_from_garbage_collection() -> None:
    """In a process of its own, for it lasts."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "True"]


if sys.platform == "linux":

    def test_pool_process_that_waits_forever_ends_with_its_killed_worker() -> None:
        """Its end of the pipe is closed when it is gone."""
        with subprocess.Popen([sys.executable, "-c", POOL], cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "waits\n"
            worker.kill()
            assert select.select([worker.stdout], [], [], 60)[0]
            assert worker.stdout.read() == ""
