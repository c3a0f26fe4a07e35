"""What many threads want of a server at once is asked in one go, by one of them for all. Knows no server.

Those who come while a batch is asked for are the next one. Who leads it may wait a moment for more to come.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Generic, TypeVar

from botticelli.runtime.server_errors import SERVERS_AWAY

Key = TypeVar("Key")
Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 64
"""Items of one batch: more would hold locks for long."""


@dataclass(eq=False, slots=True)
class _Entry(Generic[Item]):
    item: Item
    came_at: float = field(default_factory=time.monotonic)
    leads: bool = False
    woken: Event = field(default_factory=Event)
    """The result is there, or this thread leads the next batch, or enough others have come to the one that it leads."""
    is_done: bool = False
    is_left: bool = False
    """Its thread was interrupted before it had a result."""
    result: Any = None
    error: Exception | None = None


class Batcher(Generic[Key, Item, Result]):
    """Batches concurrent requests from many threads into one call.

    `ask` takes the items of one key and returns a result for each, in their order. It may raise for all: then each is
    asked for alone, so that one bad item spoils no other; but not when a server is away, for nobody knows what it did.

    `gather_seconds` says how long the first of a batch may have waited for others when it is asked for.
    """

    def __init__(
        self,
        ask: Callable[[Key, Sequence[Item]], Sequence[Result]],
        gather_seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._ask = ask
        self._gather_seconds = gather_seconds
        self._lock = Lock()
        self._queues: dict[Key, deque[_Entry[Item]]] = {}
        """A key is in here for as long as somebody leads a batch of it."""
        self._gathering: dict[Key, _Entry[Item]] = {}
        """Who waits for others to come, and is woken when there are enough."""

    def ask(self, key: Key, item: Item) -> Result:
        """The result for this item, or what was raised for it."""
        entry = _Entry(item)
        try:
            self._enter(key, entry)
            if not entry.leads:
                entry.woken.wait()
            if entry.leads:
                self._lead(key, entry)
        except BaseException:  # Celery's time limit, for one: nobody is left to lead, or to hear the result
            self._leave(key, entry)
            raise
        if entry.error is not None:
            raise entry.error
        result: Result = entry.result
        return result

    def waiting(self, key: Key) -> int:
        """How many wait for the batch that is asked for at this moment."""
        with self._lock:
            return len(self._queues.get(key, ()))

    def _enter(self, key: Key, entry: _Entry[Item]) -> None:
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                self._queues[key] = deque()
                entry.leads = True
            else:
                queue.append(entry)
                if key in self._gathering and len(queue) >= AT_ONCE - 1:
                    self._gathering[key].woken.set()

    def _leave(self, key: Key, entry: _Entry[Item]) -> None:
        with self._lock:
            entry.is_left = True
            queue = self._queues.get(key)
            if queue is not None and entry in queue:
                queue.remove(entry)
        if entry.leads and queue is not None:
            self._hand_over(key, [])

    def _lead(self, key: Key, mine: _Entry[Item]) -> None:
        batch = [mine]
        try:
            self._gather(key, mine)
            self._add_others(key, batch)
            self._ask_for(key, batch)
        finally:
            mine.leads = False
            self._hand_over(key, [entry for entry in batch[1:] if not entry.is_done])
            for entry in batch[1:]:
                if entry.is_done:
                    entry.woken.set()

    def _gather(self, key: Key, mine: _Entry[Item]) -> None:
        seconds = mine.came_at + self._gather_seconds() - time.monotonic()
        with self._lock:
            if seconds <= 0 or len(self._queues[key]) >= AT_ONCE - 1:
                return
            mine.woken.clear()
            self._gathering[key] = mine
        try:
            mine.woken.wait(seconds)
        finally:
            with self._lock:
                del self._gathering[key]

    def _add_others(self, key: Key, batch: list[_Entry[Item]]) -> None:
        with self._lock:
            queue = self._queues[key]
            while queue and len(batch) < AT_ONCE:
                batch.append(queue.popleft())

    def _ask_for(self, key: Key, batch: Sequence[_Entry[Item]]) -> None:
        try:
            results = self._ask(key, [entry.item for entry in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, SERVERS_AWAY):
                for entry in batch:
                    self._ask_for(key, [entry])
                return
            for entry in batch:
                entry.error, entry.is_done = error, True
            return
        for entry, result in zip(batch, results, strict=True):
            entry.result, entry.is_done = result, True

    def _hand_over(self, key: Key, undone: Sequence[_Entry[Item]]) -> None:
        """The first who waits leads the next batch. `undone`: of a leader who was interrupted."""
        with self._lock:
            queue = self._queues[key]
            queue.extendleft(entry for entry in reversed(undone) if not entry.is_left)
            if not queue:
                del self._queues[key]
                return
            following = queue.popleft()
            following.leads = True
        following.woken.set()
