"""Our transport on a real server: acknowledgements go out together, none is lost at the end, and no client is made twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue, transport
from redis.exceptions import ResponseError

from botticelli.messages import ENQUEUE, RUN_ITERATION
from botticelli.runtime.process import Runtime
from tests.support.waiting import wait_until
from workers.transport import redis_transport


@pytest.fixture
def our_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the end of the test."""
    monkeypatch.setattr(transport, "TRANSPORT_ALIASES", dict(transport.TRANSPORT_ALIASES))
    monkeypatch.setattr(transport, "_transport_cache", {})
    redis_transport.use()


@pytest.fixture
def connect(runtime: Runtime, our_transport: None) -> Iterator[Callable[[], Connection]]:
    opened: list[Connection] = []

    def make() -> Connection:
        options = {"global_keyprefix": f"{runtime.settings.redis.prefix}:"}
        url = runtime.redis_url.replace("unix://", "redis+socket://", 1)
        connection = Connection(url, transport_options=options)
        assert connection.get_transport_cls() is redis_transport.Transport
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.release()


def unacked(runtime: Runtime) -> tuple[int, int]:
    """Messages, and their places in the index of times."""
    prefix = runtime.settings.redis.prefix
    return runtime.redis.hlen(f"{prefix}:unacked"), runtime.redis.zcard(f"{prefix}:unacked_index")


def received(connection: Connection, queue: Queue, count: int, channel: Any) -> list[Any]:
    messages: list[Any] = []
    consumer = connection.Consumer([queue], channel=channel, callbacks=[lambda _, message: messages.append(message)])
    with consumer:
        wait_until(lambda: drained(connection) and len(messages) == count, "the messages")
    return messages


def drained(connection: Connection) -> bool:
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.1)
    return True


def publish(connection: Connection, queue: Queue, count: int, task: str = ENQUEUE) -> None:
    with connection.Producer() as producer:
        for number in range(count):
            headers = {"task": task, "id": f"{task} {number}"}
            producer.publish([[], {"number": number}, {}], routing_key=queue.name, declare=[queue], headers=headers)


def number_of(message: Any) -> int:
    return int(message.payload[1]["number"])


def test_request_has_a_copy_on_the_server_until_it_is_acknowledged(
    runtime: Runtime, connect: Callable[[], Connection]
) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 2)
    messages = received(connection, queue, 2, connection.channel())
    assert unacked(runtime) == (2, 2)
    messages[0].ack()
    assert unacked(runtime) == (1, 1)


def test_closing_puts_back_what_is_not_acknowledged(runtime: Runtime, connect: Callable[[], Connection]) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 3)
    channel = connection.channel()
    first, *_ = received(connection, queue, 3, channel)
    first.ack()
    channel.close()
    assert unacked(runtime) == (0, 0)
    assert runtime.redis.llen(f"{runtime.settings.redis.prefix}:work") == 2


def test_of_iterations_the_server_keeps_no_copy_and_all_that_were_not_begun_are_put_back(
    runtime: Runtime, connect: Callable[[], Connection]
) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 4, RUN_ITERATION)
    channel = connection.channel()
    done, refused, again, _ = received(connection, queue, 4, channel)
    assert unacked(runtime) == (0, 0)
    done.ack()
    refused.reject()
    again.requeue()
    waiting = [json.loads(entry) for entry in runtime.redis.lrange(f"{runtime.settings.redis.prefix}:work", 0, -1)]
    assert [entry["properties"]["delivery_tag"] for entry in waiting] == [again.delivery_tag]
    channel.close()
    assert runtime.redis.llen(f"{runtime.settings.redis.prefix}:work") == 2
    assert {number_of(delivery) for delivery in received(connection, queue, 2, connection.channel())} == {2, 3}


def waiting(runtime: Runtime) -> int:
    return runtime.redis.llen(f"{runtime.settings.redis.prefix}:work")


def calls(runtime: Runtime, command: str) -> int:
    return int(runtime.redis.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_iterations_that_wait_come_in_lots_and_in_order(
    runtime: Runtime, connect: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_transport, "WAITING_SECONDS", 3600.0)
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 40, RUN_ITERATION)
    before = calls(runtime, "brpop")
    messages = received(connection, queue, 40, connection.channel())
    assert [number_of(message) for message in messages] == list(range(40))
    assert calls(runtime, "brpop") - before < 20
    assert waiting(runtime) == 0


def test_a_lot_is_no_larger_than_there_is_room(runtime: Runtime, connect: Callable[[], Connection]) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 10, RUN_ITERATION)
    channel = connection.channel()
    channel.basic_qos(0, 3, False)
    messages = received(connection, queue, 3, channel)
    assert (len(messages), waiting(runtime)) == (3, 7)


def test_a_request_is_never_taken_in_a_lot(runtime: Runtime, connect: Callable[[], Connection]) -> None:
    """Between the lot and the copies a killed worker would lose those that nobody else knows of."""
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 2, RUN_ITERATION)
    publish(connection, queue, 1, ENQUEUE)
    publish(connection, queue, 1, RUN_ITERATION)
    client = connection.channel()._create_client()
    take = client.register_script(redis_transport._take_more_script())
    lot = take(["work"], [8, redis_transport.ITERATION_MARK])
    assert [json.loads(entry)["headers"]["task"] for entry in lot] == [RUN_ITERATION] * 2
    assert take(["work"], [8, redis_transport.ITERATION_MARK]) == []
    assert waiting(runtime) == 2
    assert len(received(connection, queue, 2, connection.channel())) == 2
    assert unacked(runtime) == (1, 1)


def test_on_a_server_without_memory_iterations_come_one_by_one(
    runtime: Runtime, connect: Callable[[], Connection]
) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 6, RUN_ITERATION)
    channel = connection.channel()
    channel.queue_declare("work")
    runtime.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(ResponseError):
            runtime.redis.set("more", "than there is room for")
        assert len(received(connection, queue, 6, channel)) == 6
    finally:
        runtime.redis.config_set("maxmemory", 0)


@pytest.mark.usefixtures("our_transport")
def test_use_means_every_broker_on_redis() -> None:
    for url in ("redis://localhost", "rediss://localhost", "redis+socket:///tmp/x.sock"):
        assert Connection(url).get_transport_cls() is redis_transport.Transport, url


def test_an_entry_that_is_refused_is_gone_and_the_next_one_comes(
    runtime: Runtime, connect: Callable[[], Connection]
) -> None:
    connection, queue = connect(), Queue("work")
    channel = connection.channel()
    channel.basic_qos(0, 1, False)
    publish(connection, queue, 1, RUN_ITERATION)
    name = f"{runtime.settings.redis.prefix}:work"
    runtime.redis.rpush(name, b"null", b"\xff", b'{"task": "botticelli.run_iteration"}', b"[" * 100_000)
    (message,) = received(connection, queue, 1, channel)
    assert number_of(message) == 0
    assert (waiting(runtime), unacked(runtime)) == (0, (0, 0))


def test_a_tag_that_two_messages_claim_is_given_to_neither(runtime: Runtime, connect: Callable[[], Connection]) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 1)
    name = f"{runtime.settings.redis.prefix}:work"
    runtime.redis.rpush(name, runtime.redis.lindex(name, 0))
    channel = connection.channel()
    first, second = received(connection, queue, 2, channel)
    first.ack()
    assert first.delivery_tag != second.delivery_tag
    assert unacked(runtime) == (1, 1)


def test_a_copy_that_nobody_can_read_is_removed_instead_of_restored(
    runtime: Runtime, connect: Callable[[], Connection]
) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 1)
    channel = connection.channel()
    prefix = runtime.settings.redis.prefix
    for number, copy in enumerate((b"null", b"\xff", b"[1]", b"[1,2,3,4]", b"[" * 100_000)):
        runtime.redis.hset(f"{prefix}:unacked", f"odd {number}", copy)
        runtime.redis.zadd(f"{prefix}:unacked_index", {f"odd {number}": 1.0})
    channel.qos.restore_visible(num=100, interval=1)
    assert unacked(runtime) == (0, 0)
    assert waiting(runtime) == 1


@pytest.mark.parametrize(
    "broadcast",
    [b"null", b"1", b"[", b"[" * 100_000, b'{"a": 1}', b'{"properties": {}, "headers": null, "body": 1}', b"\xff"],
)
def test_a_broadcast_that_can_not_be_read_is_dropped_and_the_next_one_comes(
    runtime: Runtime, connect: Callable[[], Connection], broadcast: bytes
) -> None:
    connection = connect()
    exchange = Exchange("news", type="fanout")
    messages: list[Any] = []
    with connection.Consumer([Queue("mine", exchange)], callbacks=[lambda _, message: messages.append(message)]):
        drained(connection)
        database = runtime.redis.connection_pool.connection_kwargs.get("db", 0)
        topic = f"{runtime.settings.redis.prefix}:/{database}.news"
        wait_until(lambda: drained(connection) and runtime.redis.publish(topic, broadcast), "somebody who listens")
        connection.Producer().publish({"number": 1}, exchange=exchange)
        wait_until(lambda: drained(connection) and messages, "the good one")
    assert [message.payload for message in messages] == [{"number": 1}]
