"""Our transport on a real server: acknowledgements go out together, none is lost at the end, and no client is made twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from kombu import Connection, Queue, transport
from kombu.asynchronous import Hub
from redis.exceptions import ResponseError

from botticelli.messages import ENQUEUE, RUN_ITERATION
from botticelli.runtime import Runtime
from tests.support.waiting import wait_until
from workers import broker_client


@pytest.fixture
def our_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the end of the test."""
    monkeypatch.setattr(transport, "TRANSPORT_ALIASES", dict(transport.TRANSPORT_ALIASES))
    monkeypatch.setattr(transport, "_transport_cache", {})
    broker_client.use()


@pytest.fixture
def connect(runtime: Runtime, our_transport: None) -> Iterator[Callable[[], Connection]]:
    opened: list[Connection] = []

    def make() -> Connection:
        options = {"global_keyprefix": f"{runtime.settings.redis.prefix}:"}
        url = runtime.redis_url.replace("unix://", "redis+socket://", 1)
        connection = Connection(url, transport_options=options)
        assert connection.get_transport_cls() is broker_client.Transport
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.release()


def unacked(runtime: Runtime) -> tuple[int, int]:
    """Messages, and their places in the index of times."""
    prefix = runtime.settings.redis.prefix
    return runtime.redis.hlen(f"{prefix}:unacked"), runtime.redis.zcard(f"{prefix}:unacked_index")


def received(connection: Connection, queue: Queue, wanted: int, channel: Any) -> list[Any]:
    messages: list[Any] = []
    consumer = connection.Consumer([queue], channel=channel, callbacks=[lambda _, message: messages.append(message)])
    with consumer:
        wait_until(lambda: drained(connection) and len(messages) == wanted, "the messages")
    return messages


def drained(connection: Connection) -> bool:
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.1)
    return True


def publish(connection: Connection, queue: Queue, count: int, task: str = ENQUEUE) -> None:
    with connection.Producer() as producer:
        for number in range(count):
            producer.publish({"number": number}, routing_key=queue.name, declare=[queue], headers={"task": task})


def test_what_is_acknowledged_goes_with_the_next_message_or_by_itself(
    runtime: Runtime, connect: Callable[[], Connection]
) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 3)
    channel = connection.channel()
    messages = received(connection, queue, 3, channel)
    assert unacked(runtime) == (3, 3)
    for message in messages[:2]:
        message.ack()
    assert unacked(runtime) == (3, 3), "not yet"
    publish(connect(), queue, 1)
    received(connection, queue, 1, channel)
    assert unacked(runtime) == (2, 2), "the third and the new one"
    messages[2].ack()
    channel.qos.remove_acked()
    assert unacked(runtime) == (1, 1)


def test_the_event_loop_sends_acknowledgements(runtime: Runtime, connect: Callable[[], Connection]) -> None:
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 1)
    (message,) = received(connection, queue, 1, connection.channel())
    hub = Hub()
    connection.transport.register_with_event_loop(connection.connection, hub)
    message.ack()
    loop = hub.create_loop()
    wait_until(lambda: next(loop) is None and unacked(runtime) == (0, 0), "the acknowledgement")
    hub.close()


def test_closing_sends_what_is_acknowledged_and_puts_back_the_rest(
    runtime: Runtime, connect: Callable[[], Connection]
) -> None:
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
    channel.qos.remove_acked()
    waiting = [json.loads(one) for one in runtime.redis.lrange(f"{runtime.settings.redis.prefix}:work", 0, -1)]
    assert [one["properties"]["delivery_tag"] for one in waiting] == [again.delivery_tag]
    channel.close()
    assert runtime.redis.llen(f"{runtime.settings.redis.prefix}:work") == 2
    assert {one.payload["number"] for one in received(connection, queue, 2, connection.channel())} == {2, 3}


def waiting(runtime: Runtime) -> int:
    return runtime.redis.llen(f"{runtime.settings.redis.prefix}:work")


def calls(runtime: Runtime, command: str) -> int:
    return int(runtime.redis.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_iterations_that_wait_come_in_lots_and_in_order(
    runtime: Runtime, connect: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_client, "AT_ONCE_SECONDS", 3600.0)
    connection, queue = connect(), Queue("work")
    publish(connection, queue, 40, RUN_ITERATION)
    before = calls(runtime, "brpop")
    messages = received(connection, queue, 40, connection.channel())
    assert [message.payload["number"] for message in messages] == list(range(40))
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
    take = client.register_script(broker_client._take_more_script())
    lot = take(["work"], [8, broker_client.OF_ITERATION])
    assert [json.loads(one)["headers"]["task"] for one in lot] == [RUN_ITERATION] * 2
    assert take(["work"], [8, broker_client.OF_ITERATION]) == []
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


def test_a_channel_makes_one_client_for_each_pool(connect: Callable[[], Connection]) -> None:
    channel = connect().channel()
    with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
        assert first is second
    channel._disconnect_pools()
    with channel.conn_or_acquire() as third:
        assert third is not first
        assert third.ping()


@pytest.mark.usefixtures("our_transport")
def test_use_means_every_broker_on_redis() -> None:
    for url in ("redis://localhost", "rediss://localhost", "redis+socket:///tmp/x.sock"):
        assert Connection(url).get_transport_cls() is broker_client.Transport, url
