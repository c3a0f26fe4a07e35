"""Reads the events of all watched runs in one thread, and fans them out to the streams of this process.

A stream costs no thread and no connection. The thread waits on the Redis streams of the runs, and compares what Postgres
says of all of them once a second, in one query; only runs that have changed are read.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from botticelli.errors import ServiceUnavailable
from botticelli.http.streams.delivery_queue import DeliveryQueue
from botticelli.http.streams.subscription import Delivery, Subscription
from botticelli.monitoring.watch import Watcher
from botticelli.runtime.process import Runtime
from botticelli.store import Transaction
from botticelli.telemetry.log import Event, logger
from botticelli.telemetry.plain_values import plain

POLL_SECONDS = 0.25
COMPARE_SECONDS = 1.0
TOKENS_SECONDS = 15.0
AWAY_SECONDS = 1.0
DRAIN_SECONDS = 1.0
JOIN_SECONDS = 10.0
MAX_REPLAYED = 5000
"""Iterations of a run that are replayed to a stream that names no event; of a longer run it begins with the present."""
OVERLAP = timedelta(minutes=1)
MAX_ID = 2**53
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AWAY = (ServiceUnavailable, SQLAlchemyError, RedisError, OSError)


class EventHub:
    """Serves the subscriptions of one process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._new: list[Subscription] = []
        self._subscriptions: set[Subscription] = set()
        self._watchers: dict[str, Watcher] = {}
        self._marks: dict[str, str] = {}
        self._deliveries = DeliveryQueue()
        self._awake, self._ended = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._compared_at = self._checked_at = 0.0

    @property
    def count(self) -> int:
        with self._lock:
            return len(self._subscriptions) + len(self._new)

    def subscribe(self, subscription: Subscription) -> None:
        """Let a stream have the events of its runs: first those that are past, then new ones."""
        with self._lock:
            self._new.append(subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
        self._awake.set()

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a stream. Runs that nobody watches any more are no longer read."""
        with self._lock:
            self._subscriptions.discard(subscription)
            if subscription in self._new:
                self._new.remove(subscription)

    def close(self) -> None:
        """End all streams, and let the thread end; `join` waits for it."""
        with self._lock:
            self._ended.set()
            subscriptions = [*self._subscriptions, *self._new]
        for subscription in subscriptions:
            subscription.end()
        self._awake.set()

    def join(self, timeout_seconds: float = JOIN_SECONDS) -> bool:
        """Wait until the thread has ended; False when it has not in time.

        A process that ends before the thread may wait for ever for a lock of redis-py that the thread had.
        """
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._pass()
                self._deliveries.wait(DRAIN_SECONDS)
            except AWAY as error:
                logger.debug("events_away error=%s", type(error).__name__)
                self._ended.wait(AWAY_SECONDS)
            except Exception:
                logger.exception("events_broken")
                self._ended.wait(AWAY_SECONDS)

    def _pass(self) -> None:
        """Begin new streams, then read what has changed."""
        with self._lock:
            beginners = list(self._new)
            watched = {run for subscription in self._subscriptions for run in subscription.runs}
        if not watched and not beginners:
            self._forget(set())
            self._awake.wait()
            if not self._ended.is_set():
                self._awake.clear()
            return
        self._forget(watched | {run for subscription in beginners for run in subscription.runs})
        if beginners:
            self._begin(beginners)
            return
        dirty = self._stirred()
        now = time.monotonic()
        if now - self._compared_at >= COMPARE_SECONDS:
            self._compared_at = now
            dirty |= self._changed(watched)
        if dirty:
            with self._runtime.store.transaction() as tx:
                self._read(tx, dirty)
        if now - self._checked_at >= TOKENS_SECONDS:
            self._checked_at = now
            self._end_revoked()

    def _begin(self, beginners: Iterable[Subscription]) -> None:
        """Send new streams what is past, up to where the others are, so that nothing is missed and nothing doubled.

        Streams of the same runs that begin at the same event are read for once: all clients come back together.
        """
        groups: dict[tuple[tuple[str, ...], int], list[Subscription]] = defaultdict(list)
        for subscription in beginners:
            groups[tuple(subscription.runs), subscription.since].append(subscription)
        for (runs, since), group in groups.items():
            for delivery in self._past(runs, since):
                self._deliveries.put(group, delivery, is_past=True)
            with self._lock:
                for subscription in group:
                    if subscription in self._new:
                        self._new.remove(subscription)
                        self._subscriptions.add(subscription)

    def _past(self, runs: Sequence[str], since: int) -> list[Delivery]:
        """Return the past of runs, and let their watchers go on from its end."""
        past: list[Delivery] = []
        with self._runtime.store.transaction() as tx:
            tx.freeze()
            self._read(tx, [run for run in runs if run in self._watchers])
            for run in runs:
                replay = self._replay(tx, run, since)
                update = replay.look(tx)
                has_ended = update.run is None or update.run.is_final
                past.append(encoded(update.events, frozenset({run} if has_ended else ())))
                self._watchers[run] = replay.continue_for_all()
        return past

    def _replay(self, tx: Transaction, run_id: str, since: int) -> Watcher:
        """Return a watcher from an event on. A long run is not read from its start: only what ended lately."""
        after = EPOCH + timedelta(microseconds=min(since, MAX_ID)) - OVERLAP if since else None
        if after is None:
            run = tx.runs.get(run_id)
            after = run.now - OVERLAP if run.succeeded + run.failed > MAX_REPLAYED else None
        return Watcher(run_id, self._runtime.events, since, after=after)

    def _read(self, tx: Transaction, runs: Iterable[str]) -> None:
        """Read runs, and deliver what is new to the streams that watch them."""
        with self._lock:
            subscriptions = list(self._subscriptions)
        for run in runs:
            watcher = self._watchers.get(run)
            events = watcher.look(tx).events if watcher else []
            if events:
                ended = frozenset(event.run_id for event in events if event.event == "run_finished")
                watching = [subscription for subscription in subscriptions if run in subscription.runs]
                self._deliveries.put(watching, encoded(events, ended))

    def _stirred(self) -> set[str]:
        """Wait for a moment for an event in the Redis streams of the watched runs, and return the runs of those that came."""
        positions = {run: watcher.stream_position for run, watcher in self._watchers.items()}
        try:
            return self._runtime.events.wait_for_any(positions, POLL_SECONDS)
        except (RedisError, OSError):
            self._ended.wait(COMPARE_SECONDS)
            return set()

    def _changed(self, watched: set[str]) -> set[str]:
        """Return the runs of which Postgres says something else than a second ago."""
        with self._runtime.store.transaction() as tx:
            marks = tx.runs.marks(sorted(watched))
        changed = {run for run, mark in marks.items() if self._marks.get(run) != mark}
        self._marks = marks
        return changed

    def _end_revoked(self) -> None:
        """End the streams of tokens that are no longer valid."""
        with self._lock:
            by_token = {each.token_id for each in self._subscriptions if each.token_id}
            subscriptions = list(self._subscriptions)
        if not by_token:
            return
        with self._runtime.store.transaction() as tx:
            valid = tx.api_tokens.valid_among(sorted(by_token))
        for subscription in subscriptions:
            if subscription.token_id and subscription.token_id not in valid:
                subscription.end()

    def _forget(self, watched: set[str]) -> None:
        for run in self._watchers.keys() - watched:
            self._watchers.pop(run)
            self._marks.pop(run, None)


def encoded(events: Sequence[Event], ended: frozenset[str] = frozenset()) -> Delivery:
    """Return events as server-sent ones. An event that can't be resumed from has no id."""
    return Delivery([_frame(event) for event in events], ended)


def _frame(event: Event) -> bytes:
    data = json.dumps(plain(event.as_json()), separators=(",", ":"))
    known = f"id: {event.id}\n" if event.id else ""
    return f"{known}event: {event.event}\ndata: {data}\n\n".encode()
