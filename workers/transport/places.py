"""Lets a thread that has ended an iteration go on with the next one of its run, without the broker.

The next iteration is a task of Celery like any other: its own strategy makes the request, in this thread, so that
events, `inspect`, signals and logs show it. The message that the thread began with is acknowledged when it goes on with
nothing more: until then it holds its place, so that the worker takes no message that would wait for a thread.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from celery.concurrency.base import apply_target
from celery.concurrency.thread import TaskPool
from celery.worker import consumer

from botticelli.messages import RUN_ITERATION, Publication
from botticelli.telemetry.log import logger
from workers.transport.queue_messages import message_without_queue

Handler = Callable[..., Any]
"""A strategy of Celery: takes a message, its body, the functions that acknowledge and reject it, and callbacks."""

FRESH_SECONDS = 1.0
"""How long a thread goes on without a look at what waits in the queue."""
MAX_LOOKS = 10
"""After so many looks a thread gives its place up, so that a worker that has come meanwhile gets its part of the run."""


def _nothing(*_: Any) -> None:
    """Do nothing."""


class Place:
    """The place of a thread among those of its worker, from a message until the thread goes on with nothing more."""

    def __init__(self) -> None:
        self.following: Publication | None = None
        """The iteration that the thread goes on with after its task."""
        self.acknowledge: Callable[[], Any] = _nothing
        """Acknowledges the message that the thread began with."""
        self._looked_at = time.monotonic()
        self._looks = 0

    def is_wanted(self, is_queue_empty: Callable[[], bool]) -> bool:
        """Return whether a message, or another worker, may wait: not when this place was taken a moment ago."""
        if time.monotonic() - self._looked_at < FRESH_SECONDS:
            return False
        if self._looks == MAX_LOOKS or not is_queue_empty():
            return True
        self._looked_at = time.monotonic()
        self._looks += 1
        return False

    def take_following(self) -> Publication | None:
        following, self.following = self.following, None
        return following


class Places:
    """The places of this process that threads have taken. `current` is the calling thread's own, if it has one."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._taken: set[Place] = set()
        self.is_closing = False
        """Set when the process shuts down: no thread goes on from then."""

    @property
    def current(self) -> Place | None:
        place: Place | None = getattr(self._local, "place", None)
        return place

    def may_go_on(self, is_queue_empty: Callable[[], bool]) -> bool:
        """Return whether the calling thread may go on with another iteration after its task."""
        place = self.current
        return place is not None and not self.is_closing and not place.is_wanted(is_queue_empty)

    def go_on_with(self, publication: Publication) -> None:
        """Let the calling thread go on with an admitted iteration, which is then not published."""
        if self.current is not None:
            self.current.following = publication

    @property
    def are_taken(self) -> bool:
        return bool(self._taken)

    @contextmanager
    def taken(self) -> Iterator[Place]:
        """Give the calling thread a place while the block runs."""
        self._local.place = place = Place()
        self._taken.add(place)
        try:
            yield place
        finally:
            self._local.place = None
            self._taken.discard(place)


places = Places()


def going_on(owner: consumer.Consumer) -> Handler:
    """Return the strategy for iterations of a consumer with a pool of threads; Celery's own for other pools."""
    task = owner.app.tasks[RUN_ITERATION]
    if not isinstance(owner.pool, TaskPool):
        handler: Handler = task.start_strategy(owner.app, owner)
        return handler
    following = _strategy(task, owner, _SameThread())
    first = _strategy(task, owner, _ThenOn(owner.pool, following))

    def handle(message: Any, body: Any, ack: Callable[..., Any], *others: Any, **options: Any) -> Any:
        return first(message, body, partial(_acknowledge, ack), *others, **options)

    return handle


def _strategy(task: Any, owner: consumer.Consumer, pool: Any) -> Handler:
    """Return Celery's strategy for a task of this consumer, with another pool."""
    view = copy.copy(owner)
    view.pool, view.on_task_request = pool, lambda request: request.execute_using_pool(pool)
    handler: Handler = task.start_strategy(owner.app, view)
    return handler


def _acknowledge(ack: Callable[..., Any], *arguments: Any) -> None:
    """Acknowledge a message; that of a thread with a place only once it goes on with nothing more."""
    place = places.current
    if place is None:
        ack(*arguments)
    else:
        place.acknowledge = partial(ack, *arguments)


class _SameThread:
    """A pool that performs a task in the thread that asks for it."""

    def apply_async(self, target: Any, args: Any, callback: Any, accept_callback: Any, **_: Any) -> None:
        apply_target(target, args, {}, callback, accept_callback)


class _ThenOn:
    """The worker's pool, whose thread goes on with what follows its task."""

    def __init__(self, pool: TaskPool, following: Handler) -> None:
        self._pool = pool
        self._following = following

    def apply_async(self, target: Any, args: Any, callback: Any, accept_callback: Any, **_: Any) -> Any:
        return self._pool.apply_async(self._perform, (target, args, {}, callback, accept_callback), callback=_nothing)

    def _perform(self, *task: Any) -> None:
        with places.taken() as place:
            try:
                apply_target(*task)
                while (publication := place.take_following()) is not None:
                    self._go_on(publication)
            finally:
                place.acknowledge()

    def _go_on(self, publication: Publication) -> None:
        try:
            self._following(message_without_queue(publication), None, _nothing, _nothing, ())
        except Exception:  # its lease runs out, or its row is due: either way the sweep publishes it
            logger.exception("not_gone_on run=%s iteration=%s", publication.run_id, publication.number)
