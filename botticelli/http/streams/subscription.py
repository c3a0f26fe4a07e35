"""The frames that one stream has still to send; a stream that is too slow loses its place and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

QUEUE_LENGTH = 256
AT_ONCE = 10
"""Streams that are served in one turn of the loop: requests that wait come in between."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Events as they are sent, encoded once for all streams. `ended` are the runs that they end."""

    frames: Sequence[bytes]
    ended: frozenset[str] = frozenset()


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
        self._frames: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def replay(self, delivery: Delivery) -> None:
        """Hand over the past of a run, from any thread."""
        self._call(self._take, delivery, True)

    @staticmethod
    def deliver(subscriptions: Sequence[Subscription], delivery: Delivery) -> None:
        """Hand over what is new to streams of one loop, from any thread."""
        if subscriptions:
            subscriptions[0]._call(_take_in_turns, list(subscriptions), delivery)

    def end(self) -> None:
        """Close the stream, from any thread."""
        self._call(self.close)

    def close(self) -> None:
        self.is_closed = True
        self._changed.set()

    async def next(self, timeout_seconds: float) -> bytes:
        """Return what is to be sent; nothing when nothing came in time, or the stream is closed and all is sent."""
        if not self._frames and not self.is_closed:
            self._changed.clear()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._changed.wait()
            except TimeoutError:
                return b""
        frames, self._frames = self._frames, []
        return b"".join(frames)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the stream with it
            self._loop.call_soon_threadsafe(function, *arguments)

    def _take(self, delivery: Delivery, is_past: bool = False) -> None:
        if self.is_closed:
            return
        if not is_past and len(self._frames) + len(delivery.frames) > QUEUE_LENGTH:
            self._frames.clear()
            self.close()
            self.on_overflow()
            return
        self._frames.extend(delivery.frames)
        self._open -= delivery.ended
        if not self._open and not self.is_endless:
            self.is_closed = True
        if self._frames or self.is_closed:
            self._changed.set()


def _take_in_turns(subscriptions: Sequence[Subscription], delivery: Delivery) -> None:
    """Let some streams take a delivery, and the others in the next turns of the loop."""
    for subscription in subscriptions[:AT_ONCE]:
        subscription._take(delivery)
    if later := subscriptions[AT_ONCE:]:
        asyncio.get_running_loop().call_soon(_take_in_turns, later, delivery)
