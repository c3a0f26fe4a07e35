"""The frames that one stream has still to send; a stream that is too slow loses its place and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

QUEUE_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Delivery:
    """Events as they are sent, encoded once for all streams. `ended` are the runs that they end."""

    frames: Sequence[bytes]
    ended: frozenset[str] = frozenset()


class Subscription:
    """Belongs to the thread of its loop, but for `end`. `is_endless`: it does not end with its runs."""

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
        self.loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def end(self) -> None:
        """Close the stream, from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and the stream with it
            self.loop.call_soon_threadsafe(self.close)

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

    def take(self, delivery: Delivery, *, is_past: bool = False) -> None:
        """Queue the frames of a delivery. The queue bounds what is new; what is past is there before anything is sent."""
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
