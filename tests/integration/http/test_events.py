"""Tests streams of events: past ones first, then each as it happens, from any event on, without thread or connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from botticelli.carousel import cancel, pause, resume
from botticelli.carousel.enqueuing.from_wire import enqueue_named
from botticelli.carousel.enqueuing.request_options import options_of_request
from botticelli.http.streams import event_hub
from botticelli.http.streams.event_hub import encoded
from botticelli.http.streams.subscription import QUEUE_LENGTH, Subscription
from botticelli.runtime.process import Runtime
from botticelli.security.access_tokens import create_token, revoke_token
from botticelli.telemetry.log import Event
from tests.support.servers.http_door import served

GREET = """
[narrative]
name = "greet"
[acts.hello]
model = "echo/echo"
prompt = "Hello."
"""
STREAMS = 40


def started(runtime: Runtime) -> str:
    return enqueue_named(runtime, options_of_request({}, None), narrative=None, text=GREET, name=None).id


def frames(answer: httpx2.Response) -> Iterator[dict[str, str]]:
    """Yield the fields of each frame that has an event."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line:
            if "event" in fields:
                yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def names(events: Iterator[dict[str, str]]) -> list[str]:
    return [event["event"] for event in events]


def test_stream_replays_what_is_past_and_follows_until_the_end(runtime: Runtime) -> None:
    run_id = started(runtime)
    pause(runtime, run_id)
    with served(runtime) as client, client.stream("GET", f"/v1/runs/{run_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store" and answer.headers["x-accel-buffering"] == "no"
        events = frames(answer)
        assert [next(events)["event"] for _ in range(3)] == ["run_started", "run_action", "run_paused"]
        resume(runtime, run_id)
        assert next(events)["event"] == "run_action"
        cancel(runtime, run_id)
        assert names(events)[-2:] == ["run_finished", "end"]


def test_stream_continues_after_the_event_that_its_reader_saw(runtime: Runtime) -> None:
    run_id = started(runtime)
    pause(runtime, run_id)
    cancel(runtime, run_id)
    path = f"/v1/runs/{run_id}/events"
    with served(runtime) as client:
        with client.stream("GET", path) as answer:
            whole = list(frames(answer))
        ids = [int(event["id"]) for event in whole[:-1]]
        assert ids == sorted(set(ids)) and whole[-1]["event"] == "end"
        with client.stream("GET", path, headers={"Last-Event-ID": str(ids[0])}) as answer:
            assert list(frames(answer)) == whole[1:]
        with client.stream("GET", path, params={"since": ids[-1]}) as answer:
            assert names(frames(answer)) == ["end"]
        assert client.get(path, headers={"Last-Event-ID": "x"}).status_code == 422
        assert client.get("/v1/events").status_code == 422


def test_stream_of_several_runs_has_the_events_of_all(runtime: Runtime) -> None:
    runs = [started(runtime) for _ in range(2)]
    with served(runtime) as client, client.stream("GET", "/v1/events", params={"run": runs}) as answer:
        events = frames(answer)
        assert {runs[0] in next(events)["data"], runs[0] in next(events)["data"]} == {True, False}
        for run in runs:
            cancel(runtime, run)
            assert any(event["event"] == "run_finished" and run in event["data"] for event in events)


def test_open_streams_hold_no_thread_and_no_connection(runtime: Runtime) -> None:
    run_id = started(runtime)
    with served(runtime) as client, ExitStack() as streams:
        client.get("/v1/runs")
        answers = [streams.enter_context(client.stream("GET", f"/v1/runs/{run_id}/events")) for _ in range(1)]
        before = threading.active_count()
        for _ in range(STREAMS):
            answers.append(streams.enter_context(client.stream("GET", f"/v1/runs/{run_id}/events")))
        events = [frames(answer) for answer in answers]
        assert {next(each)["event"] for each in events} == {"run_started"}
        assert threading.active_count() <= before + 1
        assert runtime.store.engine.pool.checkedout() <= 1  # type: ignore[attr-defined]
        cancel(runtime, run_id)
        assert all(names(each)[-1] == "end" for each in events)


def test_stream_of_a_revoked_token_ends(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "TOKENS_SECONDS", 0.0)
    run_id, token = started(runtime), create_token(runtime, "t", ["read"], by="ada").text
    headers = {"Authorization": f"Bearer {token}"}
    with served(runtime) as client, client.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as answer:
        events = frames(answer)
        assert next(events)["event"] == "run_started"
        revoke_token(runtime, token)
        assert names(events)[-1] == "end"


def test_one_stream_more_than_allowed_is_refused(make_runtime: Any) -> None:
    runtime = make_runtime(http__max_streams="1")
    run_id = started(runtime)
    with served(runtime) as client, client.stream("GET", f"/v1/runs/{run_id}/events") as answer:
        events = frames(answer)
        assert next(events)["event"] == "run_started"
        refused = client.get(f"/v1/runs/{run_id}/events")
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        cancel(runtime, run_id)
        assert names(events)[-1] == "end"


def test_stream_that_is_too_slow_is_closed_and_keeps_nothing() -> None:
    async def fill() -> Subscription:
        slow = Subscription(["r"], 0)
        for number in range(QUEUE_LENGTH + 1):
            slow.take(encoded([Event("act_finished", "r", id=number + 1)]))
        return slow

    slow = asyncio.run(fill())
    assert slow.is_closed and not slow._frames


def test_thread_of_events_ends_before_the_server(runtime: Runtime) -> None:
    run_id = started(runtime)

    async def serve() -> bool:
        hub = event_hub.EventHub(runtime)
        subscription = Subscription([run_id], 0)
        hub.subscribe(subscription)
        assert await subscription.next(60)
        hub.close()
        return await asyncio.to_thread(hub.join, 60)

    assert asyncio.run(serve())
