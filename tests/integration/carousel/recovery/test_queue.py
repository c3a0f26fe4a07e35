"""Tasks that lie in the queue are not sent again, lost ones are; requests that a dead worker held come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis.connection import AbstractConnection
from sqlalchemy import event, text

from botticelli.client import Client
from botticelli.errors import InvalidInput
from botticelli.messages import MAX_REQUEST_BYTES, QUEUE, publish_enqueue, run_id_for
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, run_of, start, sweep
from workers.handlers import store_request
from workers.recovery.duties.unacked_requests import UnackedRequests
from workers.recovery.duties.unclaimed_tasks import UnclaimedTasks
from workers.transport.queue_messages import Refused, admit

MakeRuntime = Callable[..., Runtime]
BURST = 400


def let_grace_pass(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.connection.execute(
            text("update iterations set due_at = now() - interval '1 second' where status = 'queued'")
        )


def queued(runtime: Runtime) -> list[bytes]:
    return list(runtime.redis.lrange(f"{runtime.settings.redis.prefix}:{QUEUE}", 0, -1))


def numbers(messages: list[bytes]) -> list[int]:
    return sorted(int(json.loads(message)["headers"]["id"].split(".")[1]) for message in messages)


def test_queued_tasks_of_a_burst_are_not_published_again_and_lost_ones_are(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(BURST, concurrency=BURST))
    key = f"{runtime.settings.redis.prefix}:{QUEUE}"
    assert len(queued(runtime)) == BURST
    for _ in range(2):
        let_grace_pass(runtime)
        for _ in range(BURST // 100):
            sweep(runtime)
    assert len(queued(runtime)) == BURST
    lost = queued(runtime)[7]
    runtime.redis.lrem(key, 1, lost)
    let_grace_pass(runtime)
    for _ in range(BURST // 100):
        sweep(runtime)
    assert numbers(queued(runtime)) == list(range(1, BURST + 1))
    assert queued(runtime).count(lost) == 0, "it is a new message"
    runtime.redis.delete(key)
    let_grace_pass(runtime)
    for _ in range(BURST // 100):
        sweep(runtime)
    assert numbers(queued(runtime)) == list(range(1, BURST + 1))
    assert run_of(runtime, run.id).status == "running"


def test_only_the_oldest_messages_of_a_very_long_queue_are_read(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that isn't among those read may lie further back: nothing says that it is lost."""
    monkeypatch.setattr("workers.recovery.queued_tasks.MESSAGES_READ", 3)
    start(runtime, narrative_text(6, concurrency=6))
    let_grace_pass(runtime)
    sweep(runtime)
    assert numbers(queued(runtime)) == [1, 2, 3, 4, 5, 6]
    for entry in queued(runtime)[:3]:
        runtime.redis.lrem(f"{runtime.settings.redis.prefix}:{QUEUE}", 1, entry)
    let_grace_pass(runtime)
    sweep(runtime)
    assert numbers(queued(runtime)) == [1, 2, 3, 4, 5, 6]


def test_sweep_of_many_waiting_tasks_takes_as_many_trips_as_one_of_few(runtime: Runtime) -> None:
    duty = UnclaimedTasks(runtime)
    statements, reads = [], []
    for number in (2, 90):
        start(runtime, narrative_text(number, concurrency=number))
        let_grace_pass(runtime)
        executed, received = trips_of(runtime, duty.run)
        statements.append(executed)
        reads.append(received)
    assert statements[0] == statements[1]
    assert reads[0] > 0 and reads[1] - reads[0] < 88 / 3
    assert len(queued(runtime)) == 92


def trips_of(runtime: Runtime, step: Callable[[], None]) -> tuple[int, int]:
    """Return the statements of Postgres and the sends to Redis that a step of this process takes."""
    statements: list[str] = []
    sent: list[None] = []
    send = AbstractConnection.send_packed_command

    def counted(connection: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(None)
        return send(connection, *arguments, **options)

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(runtime.store.engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AbstractConnection, "send_packed_command", counted)
        step()
    event.remove(runtime.store.engine, "before_cursor_execute", note)
    return len(statements), len(sent)


@pytest.mark.parametrize("named", [{"idempotency_key": "key"}, {"idempotency_key": "key", "run_id": "own"}, {}])
def test_rejected_request_is_a_failed_run_under_the_id_its_sender_expects(
    runtime: Runtime, named: dict[str, str]
) -> None:
    store_request(runtime, 1, "task-1", {"narrative": "digest", "iterations": "many", **named})
    expected = named.get("run_id") or run_id_for(named.get("idempotency_key", "task task-1"))
    refused = run_of(runtime, expected)
    assert (refused.status, "iterations must be a whole number, not a string" in (refused.reason or "")) == (
        "failed",
        True,
    )


def test_idempotency_key_of_a_wrong_type_names_no_run(runtime: Runtime) -> None:
    store_request(runtime, 1, "task-2", {"narrative": "digest", "idempotency_key": 7, "run_id": ["x"]})
    assert run_of(runtime, run_id_for("task task-2")).status == "failed"


def test_rejected_request_leaves_the_run_of_its_key_unchanged(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1), idempotency_key="key")
    store_request(runtime, 1, "task-3", {"narrative": "digest", "iterations": "many", "idempotency_key": "key"})
    assert run_of(runtime, run.id).status == "running"


def take(runtime: Runtime) -> None:
    """As a worker does that dies with it: popped, noted as not acknowledged, and nothing more."""
    with runtime.celery.connection_for_read() as connection:
        channel = connection.channel()
        assert channel.basic_get(QUEUE) is not None
        channel.qos._delivered.clear()  # a dead process gives nothing back


def tags(runtime: Runtime) -> list[bytes]:
    return list(runtime.redis.hkeys(f"{runtime.settings.redis.prefix}:unacked"))


def test_unacked_request_of_a_dead_worker_is_put_back_and_poison_is_rejected(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__max_attempts="3")
    duty = UnackedRequests(runtime)
    publish_enqueue(runtime.celery, "wanted", {"narrative": "digest"})
    take(runtime)
    start(runtime, narrative_text(1))
    take(runtime)
    assert (len(queued(runtime)), len(tags(runtime))) == (0, 2)
    duty.run()
    assert queued(runtime) == [], "it may still be stored by who has it"
    for _ in range(2):
        duty.put_back(grace_seconds=0)
        assert [json.loads(entry)["headers"]["task"] for entry in queued(runtime)] == ["botticelli.enqueue"]
        assert len(tags(runtime)) == 1, "that of the iteration stays: its lease decides"
        take(runtime)
    duty.put_back(grace_seconds=0)
    assert (queued(runtime), len(tags(runtime))) == ([], 1)
    assert run_of(runtime, "wanted").reason == "3 workers were lost while they stored the request; enqueue it again"


@pytest.mark.parametrize("letter", ["x", "\u00e9", '"'])
def test_request_of_the_largest_size_is_accepted_and_a_larger_one_is_rejected_unsent(
    make_runtime: MakeRuntime, letter: str
) -> None:
    runtime = make_runtime()
    overhead = len(json.dumps([[], {"run_id": "wanted", "narrative": "n", "variables": {"a": ""}}, {}]))
    count, rest = divmod(MAX_REQUEST_BYTES - overhead, len(json.dumps(letter)) - 2)
    largest = letter * count + "x" * rest
    publish_enqueue(runtime.celery, "wanted", {"narrative": "n", "variables": {"a": largest}})
    (entry,) = queued(runtime)
    assert not isinstance(admit(entry, QUEUE), Refused)
    with pytest.raises(InvalidInput, match=r"the request: is 746,929 bytes as JSON, the limit is 746,928; shorten"):
        publish_enqueue(runtime.celery, "wanted", {"narrative": "n", "variables": {"a": largest + "x"}})
    assert len(queued(runtime)) == 1


@pytest.mark.parametrize("options", [{"narrative": "n", "variables": {"a": "x" * 900_000}}, {"text": "x" * 1_000_000}])
def test_client_rejects_a_request_that_no_worker_would_accept(
    make_runtime: MakeRuntime, options: dict[str, Any]
) -> None:
    runtime = make_runtime()
    with Client(runtime.settings) as client, pytest.raises(InvalidInput, match="bytes as JSON"):
        client.enqueue(**options)
    assert queued(runtime) == []
