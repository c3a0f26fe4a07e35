"""Puts requests to enqueue back into the queue that a worker took and died with.

The broker redelivers an unacknowledged message only after its visibility timeout, an hour. An iteration doesn't suffer,
since its row is due; a request has no row yet. Putting back one that is just being stored is harmless: it names one
run.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from botticelli.errors import BotticelliError
from botticelli.messages import ENQUEUE
from botticelli.runtime.process import Runtime
from botticelli.telemetry.log import log
from workers.recovery.duties.duty import EACH_SWEEP
from workers.recovery.rejections import own_id_of, refuse
from workers.transport.queue_messages import read_arguments

GRACES = 4
"""How many `redelivery_grace_seconds` a request may stay with a worker; while Postgres is up, storing takes less."""
REMEMBERED_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class _Request:
    task_id: str
    arguments: dict[str, Any]
    is_direct: bool
    """True when it was sent to the queue by name, as Celery does unless told to use another exchange."""


class UnackedRequests:
    """Puts back requests that were taken and not acknowledged for long, as this process has seen.

    Times are of this process's monotonic clock, since the broker's own index has times of workers' clocks.
    """

    name = "unacked_requests"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._since: dict[str, float] = {}

    def run(self) -> None:
        """Put back requests that have been with a worker for longer than the grace. Raises Redis's errors."""
        self.put_back(grace_seconds=GRACES * self._runtime.settings.worker.redelivery_grace_seconds)

    def put_back(self, *, grace_seconds: float) -> None:
        """Put back requests that have been with a worker for `grace_seconds`."""
        runtime = self._runtime
        prefix, now = runtime.settings.redis.prefix, time.monotonic()
        tags = [
            tag.decode() for tag in runtime.redis.zrange(f"{prefix}:unacked_index", 0, -1) if isinstance(tag, bytes)
        ]
        self._since = {tag: self._since.get(tag, now) for tag in tags}
        for tag in [tag for tag, since in self._since.items() if now - since >= grace_seconds]:
            request = _request_in(runtime.redis.hget(f"{prefix}:unacked", tag))
            if request is None or not request.is_direct:
                self._since[tag] = float("inf")
            else:
                del self._since[tag]
                _put_back(runtime, tag, request)


def _put_back(runtime: Runtime, tag: str, request: _Request) -> None:
    """Put one request back, or reject it when it has cost too many workers."""
    key = f"{runtime.settings.redis.prefix}:request:{request.task_id}"
    losses = int(runtime.redis.incr(key))
    runtime.redis.expire(key, REMEMBERED_SECONDS)
    is_poison = losses >= runtime.settings.worker.max_attempts
    if is_poison:
        error = BotticelliError(f"{losses} workers were lost while they stored the request", do="enqueue it again")
        refuse(runtime, own_id_of(request.task_id), request.arguments, error)
    with runtime.celery.connection_or_acquire() as connection:
        channel = connection.default_channel
        channel.qos.reject(tag, requeue=False) if is_poison else channel.qos.restore_by_tag(tag)
    log("request_put_back", level=logging.WARNING, task=request.task_id, times=losses, refused=is_poison)


def _request_in(copy: Any) -> _Request | None:
    """Return the request in a copy of a message; None for other tasks and unreadable copies."""
    try:
        message, exchange, _ = json.loads(copy)
        headers = message["headers"]
        if headers["task"] != ENQUEUE or (arguments := read_arguments(message)) is None:
            return None
        return _Request(str(headers["id"]), arguments[1], is_direct=exchange == "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
