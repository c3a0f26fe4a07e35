"""Reports what happens: log lines for operators, and the events of runs for those who watch them.

Prompts, outputs and secrets must not be passed to either. Events go to a Redis stream for each run; live text is passed
on without being stored. They are a courtesy, the record is in Postgres: emitting never blocks and never fails, and
without Redis events are dropped.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import PubSub

logger = logging.getLogger("botticelli")

STREAM_LENGTH = 10_000
"""About how many events of a run are stored; the oldest are removed first."""
STREAM_SECONDS = 7 * 86_400
"""How long a stream lives after its newest event, unless the run has ended."""
FINISHED_STREAM_SECONDS = 86_400
BATCH = 500
BATCH_WAIT_SECONDS = 0.02
"""How long an event waits for others to be written with it."""
QUEUE_LENGTH = 20_000
"""About how many events of this process may wait to be written; further ones are dropped."""
CLOSE_SECONDS = 2.0
LAST = "run_finished"
"""The last event of a run."""


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log one line `event key=value ...`; a value that is not a plain word is written as JSON."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s%s", event, "".join(f" {name}={_plain(value)}" for name, value in fields.items()))


def _plain(value: Any) -> str:
    text = str(value)
    return text if text and text.isprintable() and not any(mark in text for mark in ' "=') else json.dumps(text)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run.

    `data` has JSON values, and Decimals. `id` increases from event to event of a run: microseconds since the Unix epoch
    or slightly more. It is 0 for an event that can't be resumed from, such as live text. `at` is when it happened.
    """

    event: str
    run_id: str
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    at: datetime | None = None

    def as_json(self) -> Mapping[str, Any]:
        """Return the event as `run --json` prints it."""
        known = {"id": self.id} if self.id else {}
        moment = {"at": self.at.isoformat(timespec="microseconds")} if self.at else {}
        return {"event": self.event, "run_id": self.run_id, **known, **moment, **self.data}


class EventLog:
    """Writes and reads the events of this process's runs. Safe for threads; a thread of its own writes them in batches."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._queue: queue.SimpleQueue[tuple[str, str, str] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def tell(self, run_id: str, event: str, **data: Any) -> None:
        """Emit an event. It must not contain a prompt or an output, because Redis stores it."""
        self._put(run_id, event, data)

    def text(self, run_id: str, **data: Any) -> None:
        """Emit live text, for those who watch at this moment. Redis passes it on without storing it."""
        self._put(run_id, "", data)

    def read(self, run_id: str, after: str) -> list[tuple[str, Event]]:
        """Return events after a position in the stream (`0`: its start), with their positions; none while Redis is away."""
        from redis.exceptions import RedisError

        try:
            start = "-" if after == "0" else f"({after}"
            entries: Any = self._client.xrange(self._stream(run_id), start, "+", BATCH)
        except RedisError:
            return []
        return [(position.decode(), _event(run_id, position.decode(), fields)) for position, fields in entries]

    def wait_for_any(self, positions: Mapping[str, str], seconds: float) -> set[str]:
        """Wait until a stream has an event after its position, and return the runs of those that have. RedisError."""
        streams: dict[Any, Any] = {self._stream(run_id): position for run_id, position in positions.items()}
        entries: Any = self._client.xread(streams, count=1, block=max(1, round(seconds * 1000)))
        pairs = entries.items() if isinstance(entries, dict) else entries or ()
        names = {self._stream(run_id): run_id for run_id in positions}
        return {names[stream.decode() if isinstance(stream, bytes) else stream] for stream, _ in pairs}

    @contextmanager
    def listening(self, run_id: str) -> Iterator[TextSubscription]:
        """Subscribe to the live text of a run from now on."""
        ear = TextSubscription(self._client, self._channel(run_id), run_id)
        try:
            yield ear
        finally:
            ear.close()

    def close(self) -> None:
        """Write the waiting events, for at most CLOSE_SECONDS."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._queue.put(None)
            writer.join(CLOSE_SECONDS)

    def _put(self, run_id: str, event: str, data: Mapping[str, Any]) -> None:
        if self._writer is None:
            self._start()
        if self._queue.qsize() < QUEUE_LENGTH:
            self._queue.put((run_id, event, json.dumps(data, default=str)))
        else:
            logger.debug("event_dropped run=%s event=%s", run_id, event)

    def _start(self) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="events", daemon=True)
                self._writer.start()

    def _write_all(self) -> None:
        from redis.exceptions import RedisError

        while (batch := self._batch())[-1] is not None or len(batch) > 1:
            events = [event for event in batch if event is not None]
            try:
                self._write(events)
            except (RedisError, OSError, ValueError) as error:  # ValueError: the connection was closed meanwhile
                logger.debug("events_dropped count=%s error=%s", len(events), type(error).__name__)
            if len(events) < len(batch):
                return

    def _batch(self) -> list[tuple[str, str, str] | None]:
        batch = [self._queue.get()]
        if batch[0] is not None:
            time.sleep(BATCH_WAIT_SECONDS)
        while batch[-1] is not None and len(batch) < BATCH:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, events: list[tuple[str, str, str]]) -> None:
        """Write the events in one round trip. An event without a name is live text."""
        lifetimes: dict[str, int] = {}
        with self._client.pipeline(transaction=False) as pipe:
            for run_id, event, data in events:
                if not event:
                    pipe.publish(self._channel(run_id), data)
                    continue
                fields: Any = {"event": event, "data": data}
                pipe.xadd(self._stream(run_id), fields, maxlen=STREAM_LENGTH, approximate=True)
                lifetimes[run_id] = FINISHED_STREAM_SECONDS if event == LAST else STREAM_SECONDS
            for run_id, seconds in lifetimes.items():
                pipe.expire(self._stream(run_id), seconds)
            pipe.execute()

    def _stream(self, run_id: str) -> str:
        return f"{self._prefix}:events:{run_id}"

    def _channel(self, run_id: str) -> str:
        return f"{self._prefix}:text:{run_id}"


class TextSubscription:
    """Receives the live text of a run; nothing while Redis is away."""

    def __init__(self, client: Redis, channel: str, run_id: str) -> None:
        self._client = client
        self._channel = channel
        self._run_id = run_id
        self._pubsub: PubSub | None = None

    def wait(self, seconds: float) -> list[Event]:
        """Wait for `seconds`, and return the newest text of each act that was written meanwhile."""
        from redis.exceptions import RedisError

        deadline, newest = time.monotonic() + seconds, {}
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self._subscribed().get_message(ignore_subscribe_messages=True, timeout=left)
            except (RedisError, OSError):
                self.close()
                time.sleep(left)
                break
            if message is not None:
                data = json.loads(message["data"])
                newest[data.get("number"), data.get("act"), data.get("turn")] = data
        return [Event("text", self._run_id, data) for data in newest.values()]

    def close(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            pubsub.close()

    def _subscribed(self) -> PubSub:
        if self._pubsub is None:
            self._pubsub = self._client.pubsub()  # type: ignore[no-untyped-call]
            self._pubsub.subscribe(self._channel)
        return self._pubsub


def _event(run_id: str, position: str, fields: Mapping[bytes, bytes]) -> Event:
    at = datetime.fromtimestamp(int(position.partition("-")[0]) / 1000, UTC)
    return Event(fields[b"event"].decode(), run_id, json.loads(fields[b"data"]), at=at)
