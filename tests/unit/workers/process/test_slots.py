"""Threads are counted as busy while they are within a task, and no task keeps its thread's place by what it raises."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.worker import state

from botticelli.errors import BotticelliError
from workers.process import lifecycle
from workers.process.slots import CountedTask, slots


@pytest.fixture
def app() -> Iterator[Celery]:
    made = Celery("apart", broker="memory://", set_as_current=False)
    yield made
    made.close()


def in_a_thread(call: Any) -> Any:
    """Call it in another thread than that of the signals; return or raise what it does."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def test_thread_within_a_task_is_counted(app: Celery) -> None:
    def count() -> int:
        return slots.performing

    task = app.task(base=CountedTask, name="t", shared=False)(count)
    before = slots.performing
    assert task() == before + 1
    assert slots.performing == before


@pytest.mark.parametrize("raised", [MemoryError, SystemExit])
def test_exception_that_a_thread_pool_would_swallow_is_raised(app: Celery, raised: type[BaseException]) -> None:
    def fail() -> None:
        raise raised

    task = app.task(base=CountedTask, name="t", shared=False)(fail)
    before = slots.performing
    assert isinstance(in_a_thread(task), BotticelliError)
    assert slots.performing == before


def test_worker_with_messages_that_nobody_works_on_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = {str(number) for number in range(4)}
    monkeypatch.setattr(state, "reserved_requests", stale)
    monkeypatch.setattr(lifecycle, "_pools", [SimpleNamespace(limit=2)])
    assert not lifecycle.is_busy()
    with slots, slots:
        assert lifecycle.is_busy()
