"""What happens in a run, told at once and kept for a while: a Redis stream for each run, and live text that is not kept.

A hint for those who watch: what counts is in Postgres. Writing never waits and never fails; without Redis nothing is told.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botticelli.telemetry.log import logger

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import PubSub

KEPT = 10_000
"""Events of one run, about; the oldest go first."""
KEPT_SECONDS = 7 * 86_400
KEPT_AFTER_THE_END_SECONDS = 86_400
BATCH = 500
TOGETHER_SECONDS = 0.02
"""An event is told so late, with those that happened meanwhile."""
WAITING = 20_000
"""Events of one process that are not written yet; more are dropped."""
CLOSE_SECONDS = 2.0
LAST = "run_finished"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `data` is plain JSON values but for Decimal. `id` grows from event to event of a run: microseconds since the epoch,
    or a bit more; 0 for what nobody can come back to, such as text that is being written.
    """

    event: str
    run_id: str
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        known = {"id": self.id} if self.id else {}
        moment = {"at": self.at.isoformat(timespec="microseconds")} if self.at else {}
        return {"event": self.event, "run_id": self.run_id, **known, **moment, **self.data}


class EventLog:
    """For one process. Safe for threads; one thread of its own writes, in batches."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._queue: queue.Queue[tuple[str, str, str] | None] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def tell(self, run_id: str, event: str, **data: Any) -> None:
        """Something happened. No prompt and no output belongs here: Redis keeps it."""
        self._put(run_id, event, data)

    def text(self, run_id: str, **data: Any) -> None:
        """Text that is being written, for those who watch at this moment. Redis passes it on and keeps nothing of it."""
        self._put(run_id, "", data)

    def read(self, run_id: str, after: str) -> list[tuple[str, Event]]:
        """Events after a place in the stream (`0`: from its start), with their places. None while Redis is away."""
        from redis.exceptions import RedisError

        try:
            found: Any = self._client.xrange(self._stream(run_id), f"({after}" if after != "0" else "-", "+", BATCH)
        except RedisError:
            return []
        return [(place.decode(), _event(run_id, place.decode(), fields)) for place, fields in found]

    @contextmanager
    def listening(self, run_id: str) -> Iterator[Ear]:
        """Hear the text of a run from now on."""
        ear = Ear(self._client, self._channel(run_id), run_id)
        try:
            yield ear
        finally:
            ear.close()

    def close(self) -> None:
        """Write what is waiting, for a short time."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._queue.put(None)
            writer.join(CLOSE_SECONDS)

    def _put(self, run_id: str, event: str, data: Mapping[str, Any]) -> None:
        if self._writer is None:
            self._start()
        try:
            self._queue.put_nowait((run_id, event, json.dumps(data, default=str)))
        except queue.Full:
            logger.debug("event_dropped run=%s event=%s", run_id, event)

    def _start(self) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="events", daemon=True)
                self._writer.start()

    def _write_all(self) -> None:
        from redis.exceptions import RedisError

        while (batch := self._batch())[-1] is not None or len(batch) > 1:
            told = [one for one in batch if one is not None]
            try:
                self._write(told)
            except (RedisError, OSError, ValueError) as error:  # ValueError: the connection was closed meanwhile
                logger.debug("events_not_told count=%s error=%s", len(told), type(error).__name__)
            if len(told) < len(batch):
                return

    def _batch(self) -> list[tuple[str, str, str] | None]:
        batch = [self._queue.get()]
        if batch[0] is not None:
            time.sleep(TOGETHER_SECONDS)
        while batch[-1] is not None and len(batch) < BATCH:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, told: list[tuple[str, str, str]]) -> None:
        """One round trip for all of them."""
        kept_seconds: dict[str, int] = {}
        with self._client.pipeline(transaction=False) as pipe:
            for run_id, event, data in told:
                if not event:
                    pipe.publish(self._channel(run_id), data)
                    continue
                fields: Any = {"event": event, "data": data}
                pipe.xadd(self._stream(run_id), fields, maxlen=KEPT, approximate=True)
                kept_seconds[run_id] = KEPT_AFTER_THE_END_SECONDS if event == LAST else KEPT_SECONDS
            for run_id, seconds in kept_seconds.items():
                pipe.expire(self._stream(run_id), seconds)
            pipe.execute()

    def _stream(self, run_id: str) -> str:
        return f"{self._prefix}:events:{run_id}"

    def _channel(self, run_id: str) -> str:
        return f"{self._prefix}:text:{run_id}"


class Ear:
    """Hears what is written at this moment. Deaf while Redis is away."""

    def __init__(self, client: Redis, channel: str, run_id: str) -> None:
        self._client = client
        self._channel = channel
        self._run_id = run_id
        self._pubsub: PubSub | None = None

    def wait(self, seconds: float) -> list[Event]:
        """After so many seconds, the newest text of each act that was written meanwhile."""
        from redis.exceptions import RedisError

        deadline, heard = time.monotonic() + seconds, {}
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self._subscribed().get_message(ignore_subscribe_messages=True, timeout=left)
            except (RedisError, OSError):
                self.close()
                time.sleep(left)
                break
            if message is not None:
                data = json.loads(message["data"])
                heard[data.get("number"), data.get("act"), data.get("turn")] = data
        return [Event("text", self._run_id, data) for data in heard.values()]

    def close(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            pubsub.close()

    def _subscribed(self) -> PubSub:
        if self._pubsub is None:
            self._pubsub = self._client.pubsub()  # type: ignore[no-untyped-call]
            self._pubsub.subscribe(self._channel)
        return self._pubsub


def _event(run_id: str, place: str, fields: Mapping[bytes, bytes]) -> Event:
    at = datetime.fromtimestamp(int(place.partition("-")[0]) / 1000, UTC)
    return Event(fields[b"event"].decode(), run_id, json.loads(fields[b"data"]), at=at)
