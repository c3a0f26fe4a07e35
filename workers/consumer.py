"""Celery's consumer, but for one thing: losing Redis while tasks run doesn't end the worker. Consumes as Celery does.

kombu 5.7 closes a lost connection twice; the second time, and at every later ack of a message that came through it, it
raises an AttributeError that nobody catches. What can't be acknowledged comes again, and its claim finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.worker import consumer

from botticelli.telemetry import log


class Consumer(consumer.Consumer):  # type: ignore[misc]
    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError:
            log("lost_connection_closed", level=logging.WARNING, error=type(exc).__name__)

    def call_soon_ack(self, p: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`p` acknowledges or rejects one message; now or by the event loop, as Celery decides."""

        def tolerant(*values: Any, **options: Any) -> Any:
            try:
                return p(*values, **options)
            except AttributeError:
                log("late_ack_of_a_lost_connection", level=logging.WARNING)
                return None

        return super().call_soon_ack(tolerant, *args, **kwargs)
