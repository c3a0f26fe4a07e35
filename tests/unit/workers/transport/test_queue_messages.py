"""Every entry of a queue becomes a message of which Celery knows each part, or is refused, at once and without its body."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery, chain, chord, group, signature
from celery.app.task import Context

from botticelli.messages import (
    ENQUEUE,
    MAX_ENTRY_BYTES,
    PROBE,
    QUEUE,
    RUN_ITERATION,
    WIRE_HEADER,
    WIRE_VERSION,
    Publication,
    publish_iterations,
)
from tests.support.servers.odd_messages import EMBEDDED, MARKER, entry, message, odd_entries
from tests.support.waiting import at_best
from workers.transport.queue_messages import MAX_VALUES, Refused, admit, read_entry

TASKS = (RUN_ITERATION, ENQUEUE, PROBE)
WORST_SECONDS = 1.0


def arguments_of(admitted: Mapping[str, Any]) -> list[Any]:
    decoded: list[Any] = json.loads(base64.b64decode(admitted["body"]))
    return decoded


def admitted(written: Mapping[str, Any]) -> dict[str, Any]:
    result = admit(entry(written), QUEUE)
    assert isinstance(result, dict), result
    return result


def published(app: Celery, publish: Callable[[], object]) -> dict[str, Any]:
    """The first message that lies in the queue after it."""
    app.conf.task_default_queue = QUEUE
    publish()
    with app.connection_for_read() as connection:
        sent = connection.default_channel.basic_get(QUEUE, no_ack=True)
    raw: dict[str, Any] = json.loads(json.dumps(sent._raw))
    return raw


@pytest.mark.parametrize("task", TASKS)
def test_odd_entry_is_refused_or_made_plain(task: str) -> None:
    plain = admitted(message(task))
    odd = {name: admit(written, QUEUE) for name, written in odd_entries(task)}
    for name, result in odd.items():
        if isinstance(result, Refused):
            assert MARKER not in result.reason, name
            continue
        assert result["headers"].keys() - {WIRE_HEADER} == plain["headers"].keys(), name
        headers = {**result["headers"], "id": "", "root_id": "", "origin": "", "redelivered": False}
        assert {**headers, WIRE_HEADER: 1} == {
            **{**plain["headers"], "id": "", "root_id": "", "origin": ""},
            WIRE_HEADER: 1,
        }, name
        assert result["properties"]["delivery_info"] == {"exchange": "", "routing_key": QUEUE}, name
        args, kwargs, embedded = arguments_of(result)
        assert isinstance(args, list) and isinstance(kwargs, dict) and not any((embedded or {}).values()), name
    assert {isinstance(result, Refused) for result in odd.values()} == {True, False}


@pytest.mark.parametrize("task", TASKS)
def test_odd_entry_costs_less_than_a_second(task: str) -> None:
    for name, written in odd_entries(task):

        def is_fast(written: bytes = written) -> bool:
            started = time.thread_time()
            admit(written, QUEUE)
            return time.thread_time() - started < WORST_SECONDS

        assert at_best(is_fast), name


@pytest.mark.parametrize("inner", ["[]", "{}", "[[[[[]]]]]", '{"a":{}}', "1", '""', "9" * 4000, '{"a":[{}]}', "1e5"])
def test_entry_of_many_values_costs_less_than_a_second(inner: str) -> None:
    many = f"[{','.join([inner] * (MAX_ENTRY_BYTES // (len(inner) + 1) - 100))}]"

    def is_fast() -> bool:
        started = time.thread_time()
        admit(many, QUEUE)
        admit(json.dumps({**message(), "body": f'[[],{{"a":{many[: len(many) // 2]}'}), QUEUE)
        return time.thread_time() - started < WORST_SECONDS

    assert at_best(is_fast)


@pytest.mark.parametrize("value", ["0", "[]", "{}"])
def test_entry_of_too_many_values_is_not_parsed(value: str) -> None:
    few, many = (f'{{"a": [{",".join([value] * count)}]}}' for count in (MAX_VALUES // 2 - 2, MAX_VALUES + 2))
    assert len(many) < MAX_ENTRY_BYTES
    assert read_entry(few) is not None
    assert read_entry(many) is None


def test_own_messages_arrive_as_they_were_sent() -> None:
    app = Celery("foreign", broker="memory://")
    sent = published(app, lambda: publish_iterations(app, [Publication("a", 1, "n", 2)]))
    result = admitted(sent)
    assert arguments_of(result)[:2] == [[], {"run_id": "a", "number": 1}]
    assert result["headers"]["id"] == "a.1.2"
    assert result["headers"]["kwargsrepr"] == "run=a narrative=n iteration=1"
    assert result["headers"][WIRE_HEADER] == WIRE_VERSION


@pytest.mark.parametrize("name", EMBEDDED)
def test_follow_up_of_a_task_is_taken_off(name: str) -> None:
    app = Celery("foreign", broker="memory://")
    other = signature("other.task", app=app)
    embedded = {
        "callbacks": [other],
        "errbacks": [other],
        "chain": [other],
        "chord": chord(group([other]), other, app=app),
    }
    written = message(ENQUEUE)
    written["body"][2] = json.loads(json.dumps({name: embedded[name]}))
    result = admitted(written)
    args, kwargs, options = arguments_of(result)
    assert (args, kwargs["narrative"], options) == ([], "nobody-wrote-it", None)
    assert Context(result["headers"]).chain is None


def test_chain_of_celery_is_performed_without_what_follows() -> None:
    app = Celery("foreign", broker="memory://")
    first, second = (signature(ENQUEUE, kwargs={"narrative": name}, app=app, queue=QUEUE) for name in ("a", "b"))
    sent = published(app, lambda: chain(first, second).apply_async())
    assert arguments_of(sent)[2]["chain"], "Celery sends it with the first"
    assert arguments_of(admitted(sent))[1:] == [{"narrative": "a"}, None]


@pytest.mark.parametrize(
    ("expires", "is_refused"),
    [
        (datetime.now(UTC) - timedelta(days=1), True),
        (datetime.now(UTC) + timedelta(days=1), False),
        (datetime(1, 1, 1), True),
        (datetime(9999, 12, 31, 23, 59), False),
    ],
)
def test_expired_message_is_refused(expires: datetime, is_refused: bool) -> None:
    written = message()
    written["headers"]["expires"] = expires.isoformat()
    assert isinstance(admit(entry(written), QUEUE), Refused) is is_refused


def test_description_of_another_program_shows_no_arguments() -> None:
    written = message(ENQUEUE)
    assert admitted(written)["headers"]["kwargsrepr"] == ""
    written["headers"]["kwargsrepr"] = "run=a narrative=b iteration=1"
    assert admitted(written)["headers"]["kwargsrepr"] == "run=a narrative=b iteration=1"


@pytest.mark.parametrize("odd", [b"", b"null", b"[" * 200_000, b"\xff", b'{"a":' * 100_000, b"x" * 2_000_000, None, 1])
def test_entry_that_can_not_be_read_is_skipped_by_those_that_look(odd: object) -> None:
    assert read_entry(odd) is None
