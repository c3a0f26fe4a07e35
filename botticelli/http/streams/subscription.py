"""The events that one stream has still to send; a stream that is too slow loses its place and comes back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from botticelli.telemetry.events import Event

QUEUE_LENGTH = 256


class Subscription:
    """Belongs to the thread of its loop, but for `deliver`.

    `replay` is not bounded by the queue: it is there before anything is sent. `is_endless`: it does not end with its runs.
    """

    def __init__(
        self, runs: Sequence[str], since: int, *, token_id: str | None = None, is_endless: bool = False
    ) -> None:
        self.runs = tuple(runs)
        self.since = since
        self.token_id = token_id
        self.is_endless = is_endless
        self.is_closed = False
        self.on_overflow: Callable[[], object] = lambda: None
        self._open: set[str] = set(runs)
        self._events: deque[Event] = deque()
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def deliver(self, events: Sequence[Event], *, replayed: str | None = None, has_ended: bool = False) -> None:
        """Hand over events, from any thread. `replayed` is the run whose past they are, `has_ended` whether it is over."""
        with suppress(RuntimeError):  # the loop has ended, and the stream with it
            self._loop.call_soon_threadsafe(self._take, events, replayed, has_ended)

    def end(self) -> None:
        """Close the stream, from any thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.close)

    def close(self) -> None:
        self.is_closed = True
        self._changed.set()

    async def next(self, timeout_seconds: float) -> Event | None:
        """Return the next event; None when none came in time, or the stream is closed and all is sent."""
        if not self._events and not self.is_closed:
            self._changed.clear()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._changed.wait()
            except TimeoutError:
                return None
        return self._events.popleft() if self._events else None

    def _take(self, events: Sequence[Event], replayed: str | None, has_ended: bool) -> None:
        if self.is_closed:
            return
        if replayed is None and len(self._events) + len(events) > QUEUE_LENGTH:
            self._events.clear()
            self.close()
            self.on_overflow()
            return
        self._events.extend(events)
        ended = {replayed} if has_ended else {event.run_id for event in events if event.event == "run_finished"}
        self._open -= ended
        if not self._open and not self.is_endless:
            self.is_closed = True
        if self._events or self.is_closed:
            self._changed.set()
