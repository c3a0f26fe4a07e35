"""Celery's consumer, but for two things: losing Redis while tasks run doesn't end the worker, and events go out in lots.

kombu 5.7 closes a lost connection twice; the second time, and at every later ack of a message that came through it, it
raises an AttributeError that nobody catches. What can't be acknowledged comes again, and its claim finds nothing to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from celery.worker import consumer

from botticelli.telemetry import log

EVENTS_APART_SECONDS = 0.2
"""Task events wait for others for up to so long: one publish for all of them. Flower loses nothing but these moments."""


class Consumer(consumer.Consumer):  # type: ignore[misc]
    _flushed_at = 0.0
    _asked_at = float("-inf")

    def on_send_event_buffered(self) -> None:
        """Called by any thread; the flush is the event loop's. One that was lost with a connection is asked for again."""
        now = time.monotonic()
        if self.hub and now - self._asked_at > 2 * EVENTS_APART_SECONDS:
            self._asked_at = now
            self.hub.call_soon(self._flush_soon)

    def _flush_soon(self) -> None:
        wait_seconds = self._flushed_at + EVENTS_APART_SECONDS - time.monotonic()
        if wait_seconds > 0:
            self.hub.call_later(wait_seconds, self._flush_events)
        else:
            self._flush_events()

    def _flush_events(self) -> None:
        self._flushed_at, self._asked_at = time.monotonic(), float("-inf")
        super()._flush_events()

    def shutdown(self) -> None:
        self._flush_events()
        super().shutdown()

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
