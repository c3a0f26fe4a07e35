"""kombu's Redis transport with fewer trips: a channel keeps its client, messages come and acknowledgements go in lots.

kombu 5.7 makes a new client of redis-py for every publish, event and acknowledgement, takes one message in each turn of the
loop, and sends each acknowledgement by itself; that took half of a busy worker's main thread. A late acknowledgement only
means that a message may come twice. Of iterations the server keeps no copy until they are acknowledged: their rows are due
until they are done. For that reason only they are taken in lots.
"""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager
from functools import cache
from importlib.resources import files
from typing import Any

from kombu import transport
from kombu.transport import redis, virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads
from redis.exceptions import RedisError, ResponseError

from botticelli.messages import RUN_ITERATION
from botticelli.telemetry import log

TAKEN_AT_ONCE = 8
"""Messages that a worker takes together; the others are for those that have room as well."""
AT_ONCE_SECONDS = 0.02
"""A message that comes so soon was waiting."""
OF_ITERATION = f'"task": "{RUN_ITERATION}"'
"""As kombu writes the headers of a message."""
ACKED_APART_SECONDS = 0.2
"""Acknowledged messages stay on the server for up to so long, or until the next one is received."""


class QoS(redis.QoS):
    """Used by the event loop's thread only, as kombu's."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._acked: list[str] = []

    def append(self, message: Any, delivery_tag: str) -> None:
        if not _is_due_anyway(message):
            self._copy(message, delivery_tag)
        virtual.QoS.append(self, message, delivery_tag)

    def _copy(self, message: Any, delivery_tag: str) -> None:
        info = message.delivery_info
        unacked = dumps([message._raw, info["exchange"], info["routing_key"]])
        with self._pipe() as pipe:
            pipe.zadd(self.unacked_index_key, {delivery_tag: time.time()})
            pipe.hset(self.unacked_key, delivery_tag, unacked)
            self._remove_acked(pipe)

    def ack(self, delivery_tag: str) -> None:
        """Room for the next message at once; the server hears of it later."""
        if self._has_copy(delivery_tag):
            self._acked.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Back into the queue, from the server's copy if it has one."""
        if self._has_copy(tag):
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
            return
        message = self.get(tag)
        place = message.delivery_info["exchange"], message.delivery_info["routing_key"]
        with self.channel.conn_or_acquire(client) as connected:
            self.channel._do_restore_message(message._raw, *place, connected, leftmost=leftmost)

    def _has_copy(self, tag: str) -> bool:
        """On the server. A tag that isn't ours is of a message that a worker has died with, so it is there."""
        return tag not in self._delivered or not _is_due_anyway(self._delivered[tag])

    def remove_acked(self) -> None:
        """From the server."""
        if self._acked:
            with self._pipe() as pipe:
                self._remove_acked(pipe)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """When the channel is closed. What a lost server still holds as unacknowledged comes again, and finds nothing to
        do."""
        try:
            self.remove_acked()
        except RedisError as error:
            log("acks_lost_with_the_connection", level=logging.WARNING, error=type(error).__name__)
        super().restore_unacked_once(stderr)

    def _pipe(self) -> AbstractContextManager[Any]:
        """No transaction: of what arrives in part, kombu takes the rest away when it restores."""
        pipe: AbstractContextManager[Any] = self.channel._create_client().pipeline(transaction=False)
        return pipe

    def _remove_acked(self, pipe: Any) -> None:
        """Also executes what is in the pipe already. They are kept for the next time when the server doesn't answer."""
        acked = tuple(self._acked)
        if acked:
            pipe.hdel(self.unacked_key, *acked)
            pipe.zrem(self.unacked_index_key, *acked)
        pipe.execute()
        del self._acked[: len(acked)]


@cache
def _take_more_script() -> str:
    return files("workers").joinpath("lua", "take_more.lua").read_text(encoding="utf-8")


def _is_due_anyway(message: Any) -> bool:
    return bool(message.headers.get("task") == RUN_ITERATION)


class Channel(redis.Channel):
    QoS = QoS
    _kept: Any = None

    def _brpop_read(self, **options: Any) -> Any:
        sent_at = self._brpop_sent_at
        is_read = super()._brpop_read(**options)
        if sent_at is not None and time.monotonic() - sent_at < AT_ONCE_SECONDS:
            self._take_more(self._queue_cycle.items[-1])
        return is_read

    def _take_more(self, queue: str) -> None:
        """Where one message was there as soon as it was asked for, there may be others: as many as there is room for."""
        room = self.qos.can_consume_max_estimate()
        most = TAKEN_AT_ONCE if room is None else min(room, TAKEN_AT_ONCE)
        if most < 1:
            return
        client = self._create_client()
        try:
            messages = client.register_script(_take_more_script())([queue], [most, OF_ITERATION])
        except ResponseError as error:  # a full server runs no script; one by one they come all the same
            log("messages_come_one_by_one", level=logging.DEBUG, error=error)
            return
        for message in messages:
            self.connection._deliver(loads(bytes_to_str(message)), queue)

    def _create_client(self, asynchronous: bool = False) -> Any:
        """It holds no connection, so all may share it. A new pool, after a fork or a lost connection, has its own."""
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept


class Transport(redis.Transport):
    Channel = Channel

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)
        cycle: Any = self.cycle
        earlier = getattr(cycle, "remove_acked_timer", None)
        if earlier is not None:
            earlier.cancel()
        cycle.remove_acked_timer = loop.call_repeatedly(ACKED_APART_SECONDS, _remove_acked_of, cycle)


def _remove_acked_of(cycle: Any) -> None:
    for channel in tuple(cycle._channels):
        if channel._qos is not None:
            channel._qos.remove_acked()


def use() -> None:
    """For all connections that this process makes from now on to a broker on Redis."""
    for name in ("redis", "rediss"):
        transport.TRANSPORT_ALIASES[name] = f"{__name__}:Transport"
        transport._transport_cache.pop(name, None)
