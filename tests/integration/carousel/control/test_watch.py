"""Events of a run: complete and in order from any moment, with and without Redis, and text while it is written."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from botticelli.carousel import Actor, pause, resume
from botticelli.client import Client
from botticelli.errors import ServiceUnavailable
from botticelli.monitoring.watch import Watcher, watch
from botticelli.runtime.process import Runtime
from botticelli.telemetry.log import Event
from tests.support.fleet.ports import refusing
from tests.support.narratives import narrative_text, perform_all, perform_open, start
from tests.support.waiting import wait_until
from workers.context.claims import claim

MakeRuntime = Callable[..., Runtime]
TWO_ACTS = 'one = "first {iteration}"\ntwo = "second"'
OF_ONE = ["iteration_started", "act_finished", "act_finished", "iteration_finished"]


def replay(runtime: Runtime, run_id: str, since: int = 0) -> list[Event]:
    return list(watch(runtime, run_id, poll_seconds=0.01, since=since))


def rows_only(events: list[Event]) -> list[Event]:
    return [event for event in events if event.event not in ("act_started", "call_failed")]


def in_the_stream(runtime: Runtime, run_id: str) -> list[str]:
    return [event.event for _, event in runtime.events.read(run_id, "0")]


def test_a_replay_is_complete_and_goes_on_after_any_event(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "429:0.01"]')
    run = start(runtime, narrative_text(2, TWO_ACTS))
    perform_open(runtime, run.id)
    pause(runtime, run.id, Actor("lunch", "ada"))
    resume(runtime, run.id, Actor("", "ada"))
    perform_all(runtime, run.id)
    wait_until(lambda: "run_finished" in in_the_stream(runtime, run.id), "the stream to be written")
    events = replay(runtime, run.id)
    kinds = [event.event for event in rows_only(events)]
    assert kinds == ["run_started", *OF_ONE, "run_action", "run_action", *OF_ONE, "run_finished"]
    assert [event.event for event in events].count("act_started") == 4
    assert [event.data["act"] for event in events if event.event == "call_failed"] == ["two"]
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    for place in (0, 5, len(ids) - 2):
        assert [event.id for event in replay(runtime, run.id, since=ids[place])] == ids[place + 1 :]
    act = next(event.as_json() for event in events if event.event == "act_finished")
    assert act["output"].startswith("[echo") and act["seconds"] >= 0 and act["id"] > 0


def test_watch_of_an_unaccepted_run_without_redis_raises(make_runtime: MakeRuntime) -> None:
    with refusing() as port:
        settings = make_runtime(redis__url=f"redis://127.0.0.1:{port}/0").settings
        with Client(settings) as client, pytest.raises(ServiceUnavailable, match="Redis is not available"):
            next(client.watch("a run that nobody has accepted"))


def test_watch_of_an_accepted_run_without_redis_goes_on(make_runtime: MakeRuntime, runtime: Runtime) -> None:
    run_id = perform_all(runtime, start(runtime, narrative_text(1)).id).id
    with refusing() as port:
        settings = make_runtime(redis__url=f"redis://127.0.0.1:{port}/0").settings
        with Client(settings) as client:
            assert [event.event for event in client.watch(run_id)][-1] == "run_finished"


def test_a_redis_that_lost_the_events_changes_neither_their_order_nor_their_ids(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(3, TWO_ACTS))
    perform_open(runtime, run.id)
    watcher = Watcher(run.id, runtime.events)
    with runtime.store.transaction() as tx:
        first = watcher.look(tx).events
    perform_open(runtime, run.id)
    runtime.redis.flushall()
    perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        second = watcher.look(tx).events
    rows = [(event.id, event.event, event.data) for event in rows_only([*first, *second])]
    assert [kind for _, kind, _ in rows] == ["run_started", *OF_ONE * 3, "run_finished"]
    assert rows == [(event.id, event.event, event.data) for event in rows_only(replay(runtime, run.id))]


def test_without_redis_a_run_is_watched_all_the_same(runtime: Runtime, make_runtime: MakeRuntime) -> None:
    run = perform_all(runtime, start(runtime, narrative_text(2)).id)
    runtime.events.close()
    away = make_runtime(redis__url="redis://127.0.0.1:1/0")
    away.events.tell(run.id, "act_started")
    events = replay(away, run.id)
    assert events[-1].event == "run_finished"
    assert [event.event for event in events].count("iteration_finished") == 2


def test_text_is_seen_while_it_is_written_and_not_kept(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    stage = claim(runtime, run.id, 1)
    assert stage is not None
    heard: list[Event] = []
    with runtime.events.listening(run.id) as ear:

        def listen() -> bool:
            stage.partial("one", 1, "Once upon")
            heard.extend(ear.wait(0.05))
            return bool(heard)

        wait_until(listen, "the text to be heard")
    assert heard[0].as_json() == {
        "event": "text",
        "run_id": run.id,
        "number": 1,
        "act": "one",
        "turn": 1,
        "text": "Once upon",
    }
    assert b"Once upon" not in b"".join(runtime.redis.dump(key) or b"" for key in runtime.redis.scan_iter())


def test_the_stream_of_a_run_is_bounded_and_ends_with_it(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botticelli.telemetry.log.STREAM_LENGTH", 100)
    for number in range(1000):
        runtime.events.tell("r", "act_started", number=number)
    runtime.events.tell("r", "run_finished")
    key = f"{runtime.settings.redis.prefix}:events:r"
    wait_until(lambda: "run_finished" in in_the_stream(runtime, "r"), "the stream to be written")
    assert runtime.redis.xlen(key) <= 300
    wait_until(lambda: 0 < runtime.redis.ttl(key) <= 86_400, "its end to be set, which comes after the last event")


def test_events_come_while_the_run_goes_on(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    seen: list[str] = []

    def listen() -> None:
        seen.extend(event.event for event in watch(runtime, run.id, poll_seconds=0.02))

    watcher = threading.Thread(target=listen)
    watcher.start()
    wait_until(lambda: "run_started" in seen, "the first event")
    perform_open(runtime, run.id)
    wait_until(lambda: "iteration_finished" in seen, "the first iteration")
    assert "run_finished" not in seen
    perform_all(runtime, run.id)
    watcher.join(60)
    assert seen[-1] == "run_finished"
