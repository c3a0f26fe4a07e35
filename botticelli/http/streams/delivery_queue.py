"""Hands deliveries to streams in their order, a few in each turn of the loop, so that requests come in between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from botticelli.http.streams.subscription import Delivery, Subscription

AT_ONCE = 2
"""Streams that are served in one turn of the loop."""


class DeliveryQueue:
    """Deliveries that are under way to the streams of one loop."""

    def __init__(self) -> None:
        self._pending: deque[tuple[Subscription, Delivery, bool]] = deque()
        self._drained = threading.Event()
        self._drained.set()

    def put(self, subscriptions: Iterable[Subscription], delivery: Delivery, *, is_past: bool = False) -> None:
        """Begin to hand a delivery to streams, from any thread. What is past does not count as too much."""
        items = [(subscription, delivery, is_past) for subscription in subscriptions]
        if items:
            self._drained.clear()
            with suppress(RuntimeError):  # the loop has ended, and the streams with it
                items[0][0].loop.call_soon_threadsafe(self._add, items)

    def wait(self, timeout_seconds: float) -> bool:
        """Wait, in a thread, until all streams have what was put: who puts faster than they take has fewer, larger ones."""
        return self._drained.wait(timeout_seconds)

    def _add(self, items: list[tuple[Subscription, Delivery, bool]]) -> None:
        is_idle = not self._pending
        self._pending.extend(items)
        if is_idle:
            self._turn()

    def _turn(self) -> None:
        for _ in range(min(AT_ONCE, len(self._pending))):
            subscription, delivery, is_past = self._pending.popleft()
            subscription.take(delivery, is_past=is_past)
        if self._pending:
            self._pending[0][0].loop.call_soon(self._turn)
        else:
            self._drained.set()
