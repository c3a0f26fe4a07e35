"""A thread goes on with the next iteration as a task of its own, keeps its message until then, and gives way to others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, current_app
from celery.app.trace import reset_worker_optimizations, setup_worker_optimizations
from celery.concurrency.solo import TaskPool as Solo
from celery.concurrency.thread import TaskPool
from celery.utils.timer2 import Timer
from celery.worker import state

from botticelli.messages import RUN_ITERATION, Publication
from tests.support.waiting import wait_until
from workers.transport import places as places_module
from workers.transport.consumer import Consumer
from workers.transport.places import Place, places
from workers.transport.queue_messages import message_without_queue

Act = Callable[[int], None]


class Worker:
    """Celery's consumer and its pool of one thread, without a broker. `act` is what each iteration does."""

    def __init__(self, act: Act, pool: Any = None) -> None:
        self._default_app = current_app._get_current_object()
        self.app = Celery("apart", broker="memory://", set_as_current=False)
        self.app.conf.update(task_acks_late=True, task_acks_on_failure=True)
        self.log: list[tuple[str, str]] = []
        """Events by task, and the acknowledgement of the message."""
        self.threads: set[int] = set()
        self.pool = pool or TaskPool(limit=1, app=self.app)

        def run_iteration(run_id: str, number: int) -> None:
            self.threads.add(threading.get_ident())
            act(number)

        self.app.task(name=RUN_ITERATION, shared=False, ignore_result=True)(run_iteration)
        setup_worker_optimizations(self.app)
        self.consumer = Consumer(
            lambda request: request.execute_using_pool(self.pool),
            app=self.app,
            pool=self.pool,
            timer=Timer(),
            hostname="worker@here",
            controller=SimpleNamespace(state=state, use_eventloop=False),
        )
        self.consumer.event_dispatcher = SimpleNamespace(enabled=True, send=self._send)

    def _send(self, event: str, uuid: str, **_: Any) -> None:
        self.log.append((event, uuid.split(".")[1]))

    def deliver(self, number: int) -> None:
        self.consumer.update_strategies()
        ack, reject = (lambda *_: self.log.append(("ack", ""))), (lambda *_: self.log.append(("reject", "")))
        self.consumer.strategies[RUN_ITERATION](message_without_queue(publication(number)), None, ack, reject, ())
        wait_until(lambda: ("ack", "") in self.log, "the message to be acknowledged", 20)

    def close(self) -> None:
        self.pool.stop()
        reset_worker_optimizations(self.app)
        self._default_app.set_current()
        self._default_app.set_default()
        self.app.close()


@pytest.fixture(autouse=True)
def goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let threads go on, also where another test has shut a worker down in this process."""
    monkeypatch.setattr(places, "is_closing", False)


@pytest.fixture
def make_worker() -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def make(act: Act, pool: Any = None) -> Worker:
        workers.append(Worker(act, pool))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def publication(number: int) -> Publication:
    return Publication("a-run", number, "n", 1)


def go_on_until(last: int) -> Act:
    return lambda number: places.go_on_with(publication(number + 1)) if number < last else None


def test_next_iteration_is_a_task_in_the_same_thread_before_the_message_is_acknowledged(
    make_worker: Callable[..., Worker],
) -> None:
    worker = make_worker(go_on_until(3))
    worker.deliver(1)
    events = ("task-received", "task-started", "task-succeeded")
    assert worker.log == [*((event, number) for number in "123" for event in events), ("ack", "")]
    assert len(worker.threads) == 1
    assert not places.are_taken


def test_failed_iteration_fails_its_own_task_and_the_thread_goes_on(make_worker: Callable[..., Worker]) -> None:
    def fail_the_second(number: int) -> None:
        go_on_until(3)(number)
        if number == 2:
            raise ValueError(number)

    worker = make_worker(fail_the_second)
    worker.deliver(1)
    ends = [entry for entry in worker.log if entry[0] not in ("task-received", "task-started")]
    assert ends == [("task-succeeded", "1"), ("task-failed", "2"), ("task-succeeded", "3"), ("ack", "")]


def test_iteration_that_can_not_be_begun_leaves_the_message_acknowledged(
    make_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(go_on_until(2))
    real = places_module.message_without_queue
    monkeypatch.setattr(places_module, "message_without_queue", lambda _: 1 / 0)
    worker.deliver(1)
    assert [entry for entry in worker.log if entry[1] != "1"] == [("ack", "")]
    assert not places.are_taken
    monkeypatch.setattr(places_module, "message_without_queue", real)


def test_other_pools_have_no_places(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker(go_on_until(3))
    worker.close()
    alone = make_worker(go_on_until(3), Solo(app=worker.app))
    alone.deliver(1)
    assert {number for _, number in alone.log} == {"1", ""}


def test_app_without_iterations_has_the_strategies_of_its_own_tasks(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker(go_on_until(1))
    del worker.app.tasks[RUN_ITERATION]
    worker.consumer.update_strategies()
    assert worker.consumer.strategies.keys() == worker.app.tasks.keys()


def test_thread_outside_of_a_worker_publishes() -> None:
    assert not places.may_go_on(lambda: True)


def test_thread_gives_way_to_what_waits_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at once: each look is a trip to Redis."""
    now = [0.0]
    monkeypatch.setattr(places_module.time, "monotonic", lambda: now[0])
    place = Place()
    assert not place.is_wanted(lambda: False)
    now[0] = places_module.FRESH_SECONDS
    assert place.is_wanted(lambda: False)
    assert not place.is_wanted(lambda: True)
    assert not place.is_wanted(lambda: False)


def test_thread_gives_way_to_workers_that_came_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty queue doesn't tell of them."""
    now = [0.0]
    monkeypatch.setattr(places_module.time, "monotonic", lambda: now[0])
    place, looks = Place(), 0
    while not place.is_wanted(lambda: True):
        now[0] += places_module.FRESH_SECONDS
        looks += 1
    assert looks == places_module.MAX_LOOKS + 1


def test_thread_of_a_process_that_ends_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with places.taken():
        assert places.may_go_on(lambda: True)
        monkeypatch.setattr(places, "is_closing", True)
        assert not places.may_go_on(lambda: True)
