"""Other programs on the wire: the client, a Celery app that knows nothing but the broker, inspect, and Flower."""

from __future__ import annotations

import base64
import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from celery import Celery

from botticelli.client import Client
from botticelli.messages import run_id_for
from botticelli.store import RunFilter
from tests.support.fleet.ports import free_port
from tests.support.fleet.processes import BIN, House, Process
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

SECRET_PROMPT = "the prompt that Flower must never show"


def test_the_client_enqueues_by_name(house: House) -> None:
    house.write("narratives/digest.toml", narrative_text(3, 'one = "for {var.who}"', name="digest"))
    house.worker()
    with house.client() as client:
        run = client.enqueue("digest", variables={"who": "Ada"}, idempotency_key="monday")
        again = client.enqueue("digest", variables={"who": "Ada"}, idempotency_key="monday")
        assert run.id == again.id == run_id_for("monday")
        result = run.wait(timeout_seconds=240)
        assert (result.status, result.successful_iterations) == ("completed", 3)
        assert [event.event for event in run.watch()][-1] == "run_finished"
        assert [run.id for run in client.runs(RunFilter(narrative="digest"))] == [run.id]


def test_a_narrative_that_can_not_be_performed_is_a_failed_run_that_says_why(house: House) -> None:
    house.worker()
    with house.client() as client:
        unknown = client.enqueue("nobody_wrote_this").wait(timeout_seconds=240)
        broken = client.enqueue(text='[narrative]\nname = "x"\nmodle = 1\n[acts]\na = "b"').wait(timeout_seconds=240)
    assert (unknown.status, broken.status) == ("failed", "failed")
    assert "nobody_wrote_this" in (unknown.reason or "")
    assert "narrative:3" in (broken.reason or "")


def test_text_over_the_wire_reads_no_environment(house: House) -> None:
    house.settings["SOME_SETTING"] = "value"
    house.worker()
    with house.client() as client:
        result = client.enqueue(text=narrative_text(1, 'a = "${SOME_SETTING}"')).wait(timeout_seconds=240)
    assert result.status == "failed"
    assert "SOME_SETTING" in (result.reason or "")


def test_any_celery_app_enqueues_by_task_name(house: House) -> None:
    house.write("narratives/digest.toml", narrative_text(2, name="digest"))
    house.worker()
    with house.client() as client:
        foreign = Celery("foreign", broker=client._runtime.redis_url.replace("unix://", "redis+socket://"))
        foreign.conf.broker_transport_options = {"global_keyprefix": "botticelli:"}
        kwargs = {"narrative": "digest", "idempotency_key": "from-outside"}
        foreign.send_task("botticelli.enqueue", kwargs=kwargs, queue="botticelli", ignore_result=True)
        foreign.close()
        result = client.wait(run_id_for("from-outside"), timeout_seconds=240)
    assert result.successful_iterations == 2


def test_a_client_s_rehearsal_asks_for_no_token(house: House) -> None:
    """The worker would perform commands, and has no token: of a rehearsal it needs none."""
    house.rehearses = False
    acts = '[acts.made]\n[[acts.made.input]]\ntype = "bot_command"\ncommand = "channels.create"\n'
    house.write(
        "narratives/made.toml", narrative_text(1, f'{acts}args = {{ guild_id = "1", name = "news" }}', name="made")
    )
    house.worker()
    with house.client() as client:
        rehearsed = client.enqueue("made", rehearse=True).wait(timeout_seconds=240)
        real = client.enqueue("made").wait(timeout_seconds=240)
    assert (rehearsed.status, real.status) == ("completed", "failed")
    assert "need a token" in (real.reason or "")


def test_inspect_finds_the_worker_its_public_tasks_and_its_threads(house: House) -> None:
    house.settings["BOTTICELLI_WORKER__THREADS"] = "7"
    worker = house.worker()
    registered = inspect(house, worker, "registered")
    assert {"botticelli.enqueue", "botticelli.run_iteration"} <= {
        name for names in registered.values() for name in names
    }
    assert [stats["pool"]["max-concurrency"] for stats in inspect(house, worker, "stats").values()] == [7]


def inspect(house: House, worker: Process, what: str) -> dict[str, Any]:
    """Inspect a worker that is named.

    Of a worker that is named: so the answer is waited for, and not longer than that. A worker that has just said that
    it is ready listens a moment later, and is asked again.
    """
    named = ("--destination", re.findall(r"\S+@\S+(?= ready\.)", worker.text())[0], "--timeout", "20")

    def reply() -> str:
        inspected = house.start(str(BIN / "celery"), "-A", "botticelli", "inspect", what, "--json", *named)
        return inspected.text() if inspected.popen.wait(240) == 0 else ""

    text = wait_until(reply, "an answer of the worker")
    answer: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return answer


def test_flower_shows_run_narrative_and_iteration_and_no_prompt(house: House) -> None:
    house.settings |= {"FLOWER_BASIC_AUTH": "me:secret"}
    port = free_port()
    house.worker()
    flower = house.start(str(BIN / "celery"), "-A", "botticelli", "flower", "--address=127.0.0.1", f"--port={port}")
    wait_until(lambda: hears(port), "Flower to hear the worker")
    house.write("n.toml", narrative_text(2, f'one = "{SECRET_PROMPT}"', name="digest"))
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    expected = [f"run={run_id} narrative=digest iteration={number}" for number in (1, 2)]

    def shown() -> dict[str, Any]:
        tasks: dict[str, Any] = read(port, "/api/tasks")
        done = {name: task for name, task in tasks.items() if task["state"] == "SUCCESS" and is_named(task)}
        return done if all(any(word in str(task["kwargs"]) for task in done.values()) for word in expected) else {}

    def is_named(task: dict[str, Any]) -> bool:
        """Not a probe, nor one that arrived before Flower listened: of that it never hears the name."""
        return task["name"] is not None and "probe" not in task["name"]

    tasks = wait_until(shown, "both iterations in Flower, as finished tasks")
    assert {task["name"] for task in tasks.values()} == {"botticelli.run_iteration"}
    details = [read(port, f"/api/task/info/{name}") for name in tasks]
    assert SECRET_PROMPT not in json.dumps([tasks, details])
    assert flower.stop() in (0, -15)


def read(port: int, path: str) -> Any:
    token = base64.b64encode(b"me:secret").decode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Basic {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def hears(port: int) -> bool:
    """Whether it answers, and has had an event of a worker: what is sent before, it never shows."""
    try:
        return bool(read(port, "/workers?json=1")["data"])
    except OSError:
        return False


@contextmanager
def task_events(app: Celery) -> Iterator[list[tuple[str, int, str]]]:
    """Collect the events of iterations, as Flower does: type, number, and worker."""
    events: list[tuple[str, int, str]] = []

    def note(event: dict[str, Any]) -> None:
        if event["type"].startswith("task-") and event["uuid"].count(".") == 2:
            events.append((event["type"], int(event["uuid"].split(".")[1]), event["hostname"]))

    is_over = threading.Event()
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": note})

        def listen() -> None:
            while not is_over.is_set():
                with suppress(TimeoutError):
                    receiver.capture(limit=None, timeout=0.2, wakeup=False)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield events
        finally:
            is_over.set()
            thread.join()


def published(client: Client) -> int:
    """Return how many messages the server was ever given."""
    stats = client._runtime.redis.info("commandstats")
    return int(stats.get("cmdstat_lpush", {}).get("calls", 0))


def test_iterations_that_a_thread_goes_on_with_are_tasks_for_whoever_watches(house: House) -> None:
    """One message has come through the queue; a failed iteration is a failed task, and the next one isn't."""
    house.write("narratives/good.toml", narrative_text(4, concurrency=1, name="good"))
    bad = narrative_text(3, 'only = "{var.nothing}"', concurrency=1, continue_on_error=True, name="bad")
    house.write("narratives/bad.toml", bad.replace("[acts]", '[narrative.variables]\nnothing = ""\n[acts]'))
    house.worker()
    with house.client() as client, task_events(client._runtime.celery) as events:
        for name, count, end in (("good", 4, "task-succeeded"), ("bad", 3, "task-failed")):
            before = published(client)
            events.clear()
            client.enqueue(name).wait(timeout_seconds=240)
            wait_until(lambda e=end, c=count: (e, c) in [event[:2] for event in events], "the last event")
            tasks = [event[:2] for event in events if event[0] in ("task-received", "task-started", end)]
            kinds = ("task-received", "task-started", end)
            assert tasks == [(kind, number) for number in range(1, count + 1) for kind in kinds]
            assert len({worker for *_, worker in events}) == 1
            assert published(client) - before <= 3, "the request, the first iteration, and perhaps a probe"
