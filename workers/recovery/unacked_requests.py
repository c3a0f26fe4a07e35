"""Requests to enqueue that a worker took and died with: puts them back into the queue. Stores no request.

The broker gives a message that was never acknowledged back after its visibility timeout, an hour. For an iteration that
does no harm, its row is due; a request is in no row yet. To put back one that is being stored does none: it names one run.
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
from workers.recovery.rejections import own_id_of, refuse
from workers.transport.queue_messages import read_arguments

GRACES = 4
"""How many times `redelivery_grace_seconds` a request may stay with a worker: with Postgres there, storing takes less."""
REMEMBERED_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class _Request:
    task_id: str
    arguments: dict[str, Any]
    is_direct: bool
    """Sent to the queue by its name, as everything is that Celery sends without an exchange of one's own."""


class Taken:
    """The messages that were taken and not acknowledged, and since when this process has seen them so.

    By the steady clock of this process: the moments in the broker's own index come from the clocks of workers.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def put_back(self, runtime: Runtime, *, grace_seconds: float | None = None) -> None:
        """Requests that have been with a worker for longer than that go to whoever is next. Redis's errors are raised."""
        if grace_seconds is None:
            grace_seconds = GRACES * runtime.settings.worker.redelivery_grace_seconds
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
    """One that has cost too many workers is refused instead."""
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


def _request_in(kept: Any) -> _Request | None:
    """None for other tasks and for what can't be read."""
    try:
        message, exchange, _ = json.loads(kept)
        headers = message["headers"]
        if headers["task"] != ENQUEUE or (arguments := read_arguments(message)) is None:
            return None
        return _Request(str(headers["id"]), arguments[1], is_direct=exchange == "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
