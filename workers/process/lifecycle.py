"""Handles Celery's signals from a worker's start to its end: checks services, starts the sweep, shuts down."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

from celery import signals
from celery.worker import state

from botticelli.errors import BotticelliError, DatabaseUnwritable, ServiceUnavailable
from botticelli.notices.absent_workers import record_absence
from botticelli.notices.deliverer import deliverer_of
from botticelli.runtime.heartbeats import announce, own_facts
from botticelli.runtime.process import current
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.masking import mask_logs
from workers.process import remote_control, shutdown
from workers.process.shutdown import WorkerShutdown
from workers.process.slots import slots
from workers.recovery import sweep_thread
from workers.recovery.queue_probe import ConsumerWatchdog
from workers.recovery.run_spans import begin_reporting
from workers.transport import redis_transport
from workers.transport.places import places

PR_SET_PDEATHSIG = 1
INIT_PID = 1

RETRY_SECONDS = 2.0
NEW_OBJECTS_BEFORE_COLLECTION = 10_000
"""Garbage collection threshold; Python's own, 700, is less than one model call creates."""
STALLED_EXIT_CODE = 75
"""EX_TEMPFAIL: the supervisor should restart the worker."""
RETRIED_ERRORS = (ServiceUnavailable, DatabaseUnwritable)

_departures: list[WorkerShutdown] = []
_pools: list[Any] = []
"""Celery's pool of this process, once it is ready."""


def is_busy() -> bool:
    """Whether no thread or process of the pool is free; for processes, only Celery's lists tell."""
    if not _pools:
        return True
    performing = len(state.reserved_requests) if _has_processes() else slots.performing
    return performing >= (_pools[0].limit or 1)


def _has_processes() -> bool:
    return bool(_pools) and type(_pools[0]).__module__.endswith("prefork")


def children() -> list[int]:
    """Return the process ids of the pool; empty for a pool of threads."""
    return list(_pools[0].info["processes"]) if _has_processes() else []


def exit_stalled(says: str) -> None:
    """Shut down because the consumer has stalled; running tasks may finish within the usual time."""
    if not _departures:
        print(f"botticelli: {says}; it ends with exit code {STALLED_EXIT_CODE}", file=sys.stderr, flush=True)
        _depart(current().settings.worker.shutdown_grace_seconds, STALLED_EXIT_CODE)


_watchdog = ConsumerWatchdog(is_busy, exit_stalled)

signals.worker_shutting_down.lock = threading.RLock()
"""Replaces Celery's lock, on which a second signal that interrupts the sending of the first would wait for itself."""


@signals.worker_init.connect
def check_services(**_: Any) -> None:
    """Wait until the servers are up. An unsuitable server is refused: one line, exit code 1."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold keys and prompts
    redis_transport.use()
    remote_control.close()
    logged = ""
    while True:
        try:
            runtime = current()
            runtime.require_redis()
            runtime.store  # noqa: B018  (connects, and checks the schema)
            begin_reporting(runtime)
            with suppress(*SERVER_ERRORS):  # the sweep tries it again
                deliverer_of(runtime).register()
            return
        except BotticelliError as error:
            if str(error) != logged:
                print(f"botticelli: {error}", file=sys.stderr, flush=True)
            logged = str(error)
            if type(error) not in RETRIED_ERRORS:
                raise SystemExit(error.exit_code) from None
            threading.Event().wait(RETRY_SECONDS)


@signals.celeryd_after_setup.connect
def apply_time_limits(instance: Any, **_: Any) -> None:
    """Apply the time limits of the command line.

    Celery lets the limits of celeryconfig.py win over `--soft-time-limit` and `--time-limit`, for each task. `instance`
    is Celery's worker.
    """
    for task in instance.app.tasks.values():
        task.soft_time_limit, task.time_limit = instance.soft_time_limit, instance.time_limit


@signals.after_setup_logger.connect
@signals.after_setup_task_logger.connect
def keep_secrets_out(logger: logging.Logger, **_: Any) -> None:
    mask_logs(logger)


@signals.task_received.connect
def record_task(**_: Any) -> None:
    _watchdog.record()


@signals.worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    """Let the kernel kill a process of the pool when its worker is gone, however that ended; Linux only.

    A process that waits for the pool's queue, or for a model, would stay behind and keep the embedded services up.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == INIT_PID:
            os.kill(os.getpid(), signal.SIGKILL)


@signals.worker_process_shutdown.connect
def send_spans(**_: Any) -> None:
    """Send the spans of a process of the pool."""
    current().spans.close()


@signals.worker_ready.connect
def collect_garbage_less_often(**_: Any) -> None:
    """Exempt loaded objects from garbage collection, and collect less often.

    A collection stops every thread: a full one would walk through all modules, again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_BEFORE_COLLECTION)


@signals.worker_ready.connect
def start_sweep(sender: Any, **_: Any) -> None:
    """Start the sweep; `sender` is Celery's consumer."""
    runtime = current()
    _pools.append(sender.pool)
    signal.signal(signal.SIGQUIT, lambda *_: depart(0))
    if runtime.settings.notify:
        with suppress(*SERVER_ERRORS):
            record_absence(runtime)
    own_facts(runtime)["threads"] = sender.pool.limit or 1
    announce(runtime)
    sweep_thread.start(runtime, _watchdog)


@signals.worker_shutting_down.connect
def stop_in_time(**_: Any) -> None:
    """Shut down within `shutdown_grace_seconds`; each further signal makes the shutdown immediate.

    Celery waits for running tasks, and a Departure limits that wait.
    """
    sweep_thread.stop()
    places.is_closing = True
    shutdown.stopping.set()
    if _pools:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: depart(0))
        depart(current().settings.worker.shutdown_grace_seconds)


def depart(finish_seconds: float) -> None:
    """End within `finish_seconds`; at once when the process is already ending."""
    if _departures:
        _departures[0].hurry()
    else:
        _depart(finish_seconds, 0)


def _depart(finish_seconds: float, exit_code: int) -> None:
    sweep_thread.stop()
    places.is_closing = True
    departing = WorkerShutdown(current(), finish_seconds=finish_seconds, exit_code=exit_code, children=children)
    _departures.append(departing)
    if _departures[0] is departing:  # a signal may have started another one in this moment
        departing.start()
    else:
        _departures[0].hurry()


@signals.worker_shutdown.connect
def leave(**_: Any) -> None:
    shutdown.leave(current())
