"""Extends kombu's Redis transport: judges entries before they become messages, and takes iterations in batches.

The server keeps no unacknowledged copy of iteration messages, since their rows stay due until they are done; therefore
only they are taken in batches. What each of this gains is in docs/benchmarks.md.

Private members of kombu used here: `QoS._delivered`, `_remove_from_indices`, `Channel._queue_cycle`, `_in_poll`,
`_brpop_sent_at`, `_brpop_read`, `_receive_one`, `_handle_message`, `_deliver_fanout_message`, `_flush_brpop_reauth`,
`_do_restore_message`, `_disconnect_pools`, `Transport._deliver`, `Message._raw`, `transport._transport_cache`.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from queue import Empty
from typing import Any

from kombu import transport
from kombu.transport import redis, virtual
from kombu.utils.encoding import bytes_to_str
from redis.exceptions import ResponseError

from botticelli.messages import MAX_ENTRY_BYTES, RUN_ITERATION
from botticelli.telemetry.log import log
from workers.transport.queue_messages import Refused, admit

MAX_TAKEN = 8
"""Most messages that a worker takes together; the rest is left for other workers."""
WAITING_SECONDS = 0.02
"""A message that arrives within these seconds was already waiting."""
ITERATION_MARK = f'"task": "{RUN_ITERATION}"'
"""The task in the headers of a message, as kombu writes them."""
UNREADABLE_COPY = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""Errors that a message copy raises that kombu didn't write."""


class QoS(redis.QoS):
    """Keeps no copy of iterations on the server; used only by the event loop's thread, as kombu's."""

    def append(self, message: Any, delivery_tag: str) -> None:
        if _is_due_without_message(message):
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        if self._has_copy(delivery_tag):
            super().ack(delivery_tag)
        else:
            virtual.QoS.ack(self, delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back into the queue, from the server's copy if it has one."""
        if self._has_copy(tag):
            try:
                super().restore_by_tag(tag, client=client, leftmost=leftmost)
            except UNREADABLE_COPY as error:
                log("copy_refused", level=logging.WARNING, reason=type(error).__name__)
                self._remove_from_indices(tag).execute()
            return
        message = self.get(tag)
        place = message.delivery_info["exchange"], message.delivery_info["routing_key"]
        with self.channel.conn_or_acquire(client) as connected:
            self.channel._do_restore_message(message._raw, *place, connected, leftmost=leftmost)

    def _has_copy(self, tag: str) -> bool:
        """Whether Redis still holds a copy. An unknown tag belongs to a dead worker's message, which has one."""
        return tag not in self._delivered or not _is_due_without_message(self._delivered[tag])


def without_key_error(errors: Iterable[type[BaseException]]) -> tuple[type[BaseException], ...]:
    """Exclude KeyError, which kombu counts as a lost connection; here a message without a key raises it."""
    return tuple(kind for kind in errors if kind is not KeyError)


@cache
def _take_more_script() -> str:
    return files("workers.transport").joinpath("lua", "take_more.lua").read_text(encoding="utf-8")


def _is_due_without_message(message: Any) -> bool:
    return bool(message.headers.get("task") == RUN_ITERATION)


class Channel(redis.Channel):
    QoS = QoS

    def _brpop_read(self, **options: Any) -> bool:
        """Read an entry as kombu does, but judge it before a message is made of it."""
        sent_at = self._brpop_sent_at
        try:
            queue, entry = self._popped(**options)
            self._queue_cycle.rotate(queue)
            self._admit(entry, queue)
        finally:
            self._in_poll: Any = None
            self._flush_brpop_reauth()
        if sent_at is not None and time.monotonic() - sent_at < WAITING_SECONDS:
            self._take_more(queue)
        return True

    def _popped(self, **options: Any) -> tuple[str, bytes]:
        """Return the queue and the entry of an answer; Empty when none came while the server waited."""
        try:
            answer = self.client.parse_response(self.client.connection, "BRPOP", **options)
        except self.connection_errors:
            self.client.connection.disconnect()
            raise
        if not answer:
            raise Empty
        key, entry = answer
        return bytes_to_str(key).rsplit(self.sep, 1)[0], entry

    def _admit(self, entry: bytes | str, queue: str) -> None:
        """Deliver an entry to Celery; a refused one is dropped and takes no place in this worker."""
        message = admit(entry, queue)
        if isinstance(message, Refused):
            log("message_refused", level=logging.WARNING, queue=queue, reason=message.reason, bytes=len(entry))
        else:
            self.connection._deliver(message, queue)

    def _receive_one(self, client: Any) -> Any:
        """Receive a broadcast, such as `inspect`. An unreadable one is dropped, whatever it raises."""
        try:
            return super()._receive_one(client)
        except Empty:
            raise
        except Exception as error:
            if isinstance(error, without_key_error(self.connection_errors)):
                raise
            log("broadcast_refused", level=logging.WARNING, reason=type(error).__name__)
            return False

    def _handle_message(self, client: Any, response: Any) -> Any:
        payload = super()._handle_message(client, response)
        data = payload["data"]
        if isinstance(data, bytes | str) and len(data) > MAX_ENTRY_BYTES:
            log("broadcast_refused", level=logging.WARNING, reason=f"larger than {MAX_ENTRY_BYTES:,} bytes")
            payload["data"] = None
        return payload

    def _deliver_fanout_message(self, message: Any, exchange: str) -> Any:
        """Deliver a broadcast; a compressed body, which could grow, is refused unread."""
        if "compression" in message["headers"]:
            raise ValueError(exchange)
        message["properties"]["delivery_tag"] = str(uuid.uuid4())
        return super()._deliver_fanout_message(message, exchange)

    def _take_more(self, queue: str) -> None:
        """Take further messages, up to the free places, after one that was already waiting."""
        room = self.qos.can_consume_max_estimate()
        most = MAX_TAKEN if room is None else min(room, MAX_TAKEN)
        if most < 1:
            return
        try:
            with self.conn_or_acquire() as client:
                messages = client.register_script(_take_more_script())([queue], [most, ITERATION_MARK])
        except ResponseError as error:  # a full server runs no script; messages then arrive singly
            log("messages_come_one_by_one", level=logging.DEBUG, error=error)
            return
        for message in messages:
            self._admit(message, queue)

    def close(self) -> None:
        """Close the channel, and the connection that restoring unacknowledged messages has opened anew."""
        super().close()
        self._disconnect_pools()


class Transport(redis.Transport):
    Channel = Channel


def use() -> None:
    """Use this transport for all later connections of this process to a Redis broker."""
    for name in ("redis", "rediss"):
        transport.TRANSPORT_ALIASES[name] = f"{__name__}:Transport"
        transport._transport_cache.pop(name, None)
