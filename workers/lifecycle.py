"""A worker process from start to end, by Celery's signals: check the services, start the sweep, leave. Performs nothing."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from celery import signals
from redis.exceptions import RedisError

from botticelli.errors import BotticelliError, ServiceUnavailable
from botticelli.redis_check import require_fit
from botticelli.runtime import current
from botticelli.telemetry import log
from workers import sweep
from workers.presence import announce, depart

RETRY_SECONDS = 2.0


@signals.worker_init.connect
def check_services(**_: Any) -> None:
    """Wait for servers that are not up yet. A server that would lose work is refused: one line, exit code 1."""
    while True:
        try:
            runtime = current()
            require_fit(runtime.redis)
            runtime.store  # noqa: B018  (connects, and checks the schema)
            return
        except BotticelliError as error:
            print(f"botticelli: {error}", file=sys.stderr, flush=True)
            if type(error) is not ServiceUnavailable:
                raise SystemExit(error.exit_code) from None
            threading.Event().wait(RETRY_SECONDS)


@signals.worker_ready.connect
def start_sweep(**_: Any) -> None:
    announce(current())
    sweep.start(current())


@signals.worker_shutting_down.connect
def stop_sweep(**_: Any) -> None:
    sweep.stop()


@signals.worker_shutdown.connect
def leave(**_: Any) -> None:
    try:
        depart(current())
    except RedisError as error:
        log("departure_not_said", level=logging.INFO, error=type(error).__name__)
    current().close()
