"""A worker process from start to end, by Celery's signals: check the services, start the sweep, leave. Performs nothing."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import sys
import threading
from typing import Any

from celery import signals
from celery.worker import state

from botticelli.errors import BotticelliError, ServiceUnavailable, Unwritable
from botticelli.runtime.process import current
from botticelli.runtime.worker_heartbeat import announce
from botticelli.telemetry.masking import mask_logs
from workers.process import remote_control, shutdown
from workers.process.shutdown import Departure
from workers.process.slots import slots
from workers.recovery import sweep_thread
from workers.recovery.canary import Listening
from workers.transport import redis_transport

RETRY_SECONDS = 2.0
NEW_OBJECTS_BEFORE_COLLECTION = 10_000
"""Python's own number, 700, is that of less than one model call."""
DEAF_EXIT_CODE = 75
"""EX_TEMPFAIL: start me again."""
WAITED_FOR = (ServiceUnavailable, Unwritable)

_departures: list[Departure] = []
_pools: list[Any] = []
"""Celery's pool of this process, once it is ready."""


def is_busy() -> bool:
    """Whether no thread or process of the pool is free. Of processes only Celery's lists tell what they do."""
    if not _pools:
        return True
    performing = len(state.reserved_requests) if _has_processes() else slots.performing
    return performing >= (_pools[0].limit or 1)


def _has_processes() -> bool:
    return bool(_pools) and type(_pools[0]).__module__.endswith("prefork")


def children() -> list[int]:
    """The processes of the pool; none where it has threads."""
    return list(_pools[0].info["processes"]) if _has_processes() else []


def end_because_deaf(says: str) -> None:
    """By itself: what it performs may end, within the usual time."""
    if not _departures:
        print(f"botticelli: {says}; it ends with exit code {DEAF_EXIT_CODE}", file=sys.stderr, flush=True)
        _depart(current().settings.worker.stop_seconds, DEAF_EXIT_CODE)


_listening = Listening(is_busy, end_because_deaf)

signals.worker_shutting_down.lock = threading.RLock()
"""Celery's own would have a second signal, within the sending of the first one's, wait for itself."""


@signals.worker_init.connect
def check_services(**_: Any) -> None:
    """Wait for servers that are not up yet. A server that would lose work is refused: one line, exit code 1."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold keys and prompts
    redis_transport.use()
    remote_control.close()
    said = ""
    while True:
        try:
            runtime = current()
            runtime.require_redis()
            runtime.store  # noqa: B018  (connects, and checks the schema)
            return
        except BotticelliError as error:
            if str(error) != said:
                print(f"botticelli: {error}", file=sys.stderr, flush=True)
            said = str(error)
            if type(error) not in WAITED_FOR:
                raise SystemExit(error.exit_code) from None
            threading.Event().wait(RETRY_SECONDS)


@signals.celeryd_after_setup.connect
def limit(instance: Any, **_: Any) -> None:
    """Apply the time limits of the command line.

    `--soft-time-limit` and `--time-limit` count: Celery lets the limits of celeryconfig.py win over them, for each
    task. `instance` is Celery's worker.
    """
    for task in instance.app.tasks.values():
        task.soft_time_limit, task.time_limit = instance.soft_time_limit, instance.time_limit


@signals.after_setup_logger.connect
@signals.after_setup_task_logger.connect
def keep_secrets_out(logger: logging.Logger, **_: Any) -> None:
    mask_logs(logger)


@signals.task_received.connect
def hear(**_: Any) -> None:
    _listening.hear()


@signals.worker_ready.connect
def collect_garbage_less_often(**_: Any) -> None:
    """Exempt what is loaded by now from garbage collection, and let more objects gather before the next one.

    A collection holds up every thread: a full one would walk through all modules, again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_BEFORE_COLLECTION)


@signals.worker_ready.connect
def start_sweep(sender: Any, **_: Any) -> None:
    """`sender` is Celery's consumer."""
    runtime = current()
    _pools.append(sender.pool)
    signal.signal(signal.SIGQUIT, lambda *_: depart(0))
    announce(runtime)
    sweep_thread.start(runtime, _listening)


@signals.worker_shutting_down.connect
def stop_in_time(**_: Any) -> None:
    """Celery waits for what is performed; a departure sees to it that this ends. Further signals make it hurry."""
    sweep_thread.stop()
    shutdown.stopping.set()
    if _pools:
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(one, lambda *_: depart(0))
        depart(current().settings.worker.stop_seconds)


def depart(finish_seconds: float) -> None:
    """End within `finish_seconds`; when it is already ending, at once."""
    if _departures:
        _departures[0].hurry()
    else:
        _depart(finish_seconds, 0)


def _depart(finish_seconds: float, exit_code: int) -> None:
    sweep_thread.stop()
    departing = Departure(current(), finish_seconds=finish_seconds, exit_code=exit_code, children=children)
    _departures.append(departing)
    if _departures[0] is departing:  # and not that of a signal in this very moment
        departing.start()
    else:
        _departures[0].hurry()


@signals.worker_shutdown.connect
def leave(**_: Any) -> None:
    shutdown.leave(current())
