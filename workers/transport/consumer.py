"""Extends Celery's consumer: no lost Redis and no message ends the worker.

kombu 5.7 closes a lost connection twice; the second time, and at every later ack of a message that came through it, it
raises an AttributeError that nobody catches. A message that can't be acknowledged is redelivered, and its claim finds
nothing to do.

Celery logs an unusable message in full; this consumer logs one line without the body.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.worker import consumer, state

from botticelli.messages import RUN_ITERATION
from botticelli.telemetry.log import log, logger
from workers.transport.places import going_on
from workers.transport.redis_transport import without_key_error


class Consumer(consumer.Consumer):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        """Ignore other workers and their events, which anybody could send: workers share rows only."""
        super().__init__(*args, **{**options, "without_mingle": True, "without_gossip": True})

    def update_strategies(self) -> None:
        super().update_strategies()
        if RUN_ITERATION in self.strategies:
            self.strategies[RUN_ITERATION] = going_on(self)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """Handle a task as Celery does, but confine its errors to its message: requeued once, then dropped."""
        receive = super().create_task_handler(*args, **options)
        lost = without_key_error(self.connection_errors)

        def guarded_call(message: Any) -> Any:
            try:
                return receive(message)
            except lost:
                raise
            except Exception as error:
                again = message.headers.get("redelivered") is not True
                _forget(message.headers.get("id"))
                self._refuse(message, type(error).__name__, requeue=again)
                return None

        return guarded_call

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._refuse(message, type(exc).__name__)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._refuse(message, "not a task message")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, f"there is no task {message.headers.get('task')}")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, type(exc).__name__)

    def _refuse(self, message: Any, reason: str, *, requeue: bool = False) -> None:
        """Reject a message, which frees its place in this worker."""
        queue = message.delivery_info.get("routing_key")
        log("message_refused", level=logging.WARNING, queue=queue, reason=reason, again=requeue)
        if not message.acknowledged:
            message.reject_log_error(logger, self.connection_errors, requeue=requeue)

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError:
            log("lost_connection_closed", level=logging.WARNING, error=type(exc).__name__)

    def call_soon_ack(self, p: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `p`, which acknowledges or rejects one message, now or in the event loop, as Celery decides."""

        def guarded_call(*values: Any, **options: Any) -> Any:
            try:
                return p(*values, **options)
            except AttributeError:
                log("late_ack_of_a_lost_connection", level=logging.WARNING)
                return None

        return super().call_soon_ack(guarded_call, *args, **kwargs)


def _forget(task_id: object) -> None:
    """Remove a task from Celery's lists, which may name it already."""
    request = state.requests.get(task_id)
    if request is not None:
        state.task_ready(request)
