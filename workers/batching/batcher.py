"""Batches concurrent requests from many threads into one server call.

Requests that arrive while a batch is in flight form the next batch. The leader may wait briefly to collect more,
longer while more iterations of this process are busy.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Generic, TypeVar

from botticelli.runtime.server_errors import SERVER_ERRORS

Key = TypeVar("Key")
Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_SIZE = 64
"""Largest batch: a larger one would hold row locks for too long."""
SECONDS_PER_ITERATION = 0.0006
MAX_SECONDS = 0.05
MIN_BUSY = 4
"""Up to this many busy iterations, a batch doesn't wait."""


@dataclass(eq=False, slots=True)
class _Entry(Generic[Item]):
    item: Item
    came_at: float = field(default_factory=time.monotonic)
    leads: bool = False
    woken: Event = field(default_factory=Event)
    """Set when the result is ready, when this thread leads the next batch, or when the batch it leads is full."""
    is_done: bool = False
    is_left: bool = False
    """True when the thread was interrupted before it had a result."""
    result: Any = None
    error: Exception | None = None


class Batcher(Generic[Key, Item, Result]):
    """Batches concurrent requests from many threads into one call.

    `ask` takes the items of one key and returns a result for each, in their order. When it raises, each item is tried
    alone, so that one bad item spoils no other; except when a server is unreachable, since the call may have taken
    effect.

    `gather_seconds` returns how long the first request of a key may wait for others, `most` how many may come at all: when
    they are there, the wait ends.
    """

    def __init__(
        self,
        ask: Callable[[Key, Sequence[Item]], Sequence[Result]],
        gather_seconds: Callable[[Key], float] = lambda _: 0.0,
        most: Callable[[Key], int] = lambda _: BATCH_SIZE,
    ) -> None:
        self._ask = ask
        self._gather_seconds = gather_seconds
        self._most = most
        self._lock = Lock()
        self._queues: dict[Key, deque[_Entry[Item]]] = {}
        """Holds a key while a thread leads a batch for it."""
        self._gathering: dict[Key, _Entry[Item]] = {}
        """The leaders that wait for more requests, woken when the batch is full."""

    def ask(self, key: Key, item: Item) -> Result:
        """Return the result for this item, or raise the error that it caused."""
        entry = _Entry(item)
        try:
            self._enter(key, entry)
            if not entry.leads:
                entry.woken.wait()
            if entry.leads:
                self._lead(key, entry)
        except BaseException:  # such as Celery's time limit: this thread can neither lead nor receive a result
            self._leave(key, entry)
            raise
        if entry.error is not None:
            raise entry.error
        result: Result = entry.result
        return result

    def waiting(self, key: Key) -> int:
        """Return how many requests wait behind the batch in flight."""
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
                if key in self._gathering and self._is_full(key, queue):
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
        seconds = mine.came_at + self._gather_seconds(key) - time.monotonic()
        with self._lock:
            if seconds <= 0 or self._is_full(key, self._queues[key]):
                return
            mine.woken.clear()
            self._gathering[key] = mine
        try:
            mine.woken.wait(seconds)
        finally:
            with self._lock:
                del self._gathering[key]

    def _is_full(self, key: Key, queue: Collection[_Entry[Item]]) -> bool:
        """Whether the leader and those that wait behind it are a whole batch."""
        return len(queue) + 1 >= min(BATCH_SIZE, self._most(key))

    def _add_others(self, key: Key, batch: list[_Entry[Item]]) -> None:
        with self._lock:
            queue = self._queues[key]
            while queue and len(batch) < BATCH_SIZE:
                batch.append(queue.popleft())

    def _ask_for(self, key: Key, batch: Sequence[_Entry[Item]]) -> None:
        try:
            results = self._ask(key, [entry.item for entry in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, SERVER_ERRORS):
                for entry in batch:
                    self._ask_for(key, [entry])
                return
            for entry in batch:
                entry.error, entry.is_done = error, True
            return
        for entry, result in zip(batch, results, strict=True):
            entry.result, entry.is_done = result, True

    def _hand_over(self, key: Key, undone: Sequence[_Entry[Item]]) -> None:
        """Let the first waiting thread lead the next batch; `undone` are the requests of an interrupted leader."""
        with self._lock:
            queue = self._queues[key]
            queue.extendleft(entry for entry in reversed(undone) if not entry.is_left)
            if not queue:
                del self._queues[key]
                return
            following = queue.popleft()
            following.leads = True
        following.woken.set()


class BusyCounter:
    """Counts the iterations that this process performs, without those that wait for a model."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = Counter[str]()
        """Busy iterations by run."""

    def busy(self, run_id: str = "") -> AbstractContextManager[None]:
        """Count an iteration of a run as busy while the block runs."""
        return self._counting(run_id, 1)

    def waiting_for_model(self, run_id: str = "") -> AbstractContextManager[None]:
        """Count an iteration as waiting while the block runs; parallel acts of one iteration may wait at the same time."""
        return self._counting(run_id, -1)

    def count(self, run_id: str | None = None) -> int:
        """Return how many iterations are busy, of one run or of all."""
        with self._lock:
            return self._counts.total() if run_id is None else self._counts[run_id]

    def gather_seconds(self, run_id: str | None = None) -> float:
        """Return how many seconds the first request of a batch may wait for others, of one run or of all."""
        count = self.count(run_id)
        return min(MAX_SECONDS, count * SECONDS_PER_ITERATION) if count > MIN_BUSY else 0.0

    @contextmanager
    def _counting(self, run_id: str, by: int) -> Iterator[None]:
        self._add(run_id, by)
        try:
            yield
        finally:
            self._add(run_id, -by)

    def _add(self, run_id: str, by: int) -> None:
        with self._lock:
            self._counts[run_id] += by
            if not self._counts[run_id]:
                del self._counts[run_id]


busy_counter = BusyCounter()
"""The counter of this process."""
