"""A worker is told to end by signals: one may come wherever the handler of another stands, and nothing waits for itself."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from celery import signals

from botticelli.runtime import process
from workers.process import lifecycle, shutdown
from workers.process.shutdown import Flag, WorkerShutdown
from workers.recovery import sweep_thread
from workers.recovery.sweep_thread import Sweep

SECONDS = 5.0
"""The timeout of a wait; longer waits bring their own."""


class Leaving(WorkerShutdown):
    """It begins, and leaves its process alone."""

    @property
    def is_hurried(self) -> bool:
        return self._hurried.wait(0)

    def run(self) -> None:
        pass


def give_up(*_: object) -> None:
    raise TimeoutError


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is one, as far as its signals are concerned."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    settings = SimpleNamespace(worker=SimpleNamespace(shutdown_grace_seconds=60.0, sweep_interval_seconds=60.0))
    monkeypatch.setattr(process, "_current", [SimpleNamespace(pid=os.getpid(), settings=settings)])
    monkeypatch.setattr(lifecycle, "_pools", [object()])
    monkeypatch.setattr(lifecycle, "WorkerShutdown", Leaving)
    signal.signal(signal.SIGALRM, give_up)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupt_at(line: int, reached: list[str]) -> Any:
    """To be traced with: a SIGTERM at this one of the lines of all that is called."""
    lines = itertools.count(1)

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and next(lines) == line:
            reached.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            signal.raise_signal(signal.SIGTERM)
        return trace

    return trace


def is_interrupted_at(line: int, act: Callable[[], object]) -> bool:
    """False for a line that `act` doesn't have."""
    reached: list[str] = []
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    sys.settrace(interrupt_at(line, reached))
    try:
        act()
    except TimeoutError:
        pytest.fail(f"waits for itself when interrupted at {reached}")
    finally:
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return bool(reached)


def everywhere(act: Callable[[int], bool]) -> int:
    """At how many lines it was interrupted."""
    return sum(1 for _ in itertools.takewhile(act, itertools.count(1)))


def tell(*_: object) -> None:
    """As Celery's handler does."""
    for _receiver, answer in signals.worker_shutting_down.send(sender="w"):
        assert answer is None, answer


def test_a_second_signal_may_come_wherever_the_handler_of_the_first_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it has the departure make haste."""

    def is_told_twice(line: int) -> bool:
        sweep = Sweep(process.current(), lifecycle._watchdog)
        monkeypatch.setattr(shutdown, "stopping", Flag())
        monkeypatch.setattr(lifecycle, "_departures", [])
        monkeypatch.setattr(sweep_thread, "_sweeps", [sweep])
        signal.signal(signal.SIGTERM, tell)
        told_twice = is_interrupted_at(line, tell)
        departing = lifecycle._departures[0]
        assert isinstance(departing, Leaving)
        departing.join(SECONDS)
        assert sweep._stopped and shutdown.stopping.wait(0)
        assert departing.is_hurried == told_twice
        return told_twice

    assert everywhere(is_told_twice) > 100


def test_signal_may_come_while_a_task_in_the_main_thread_wakes_the_sweep() -> None:
    """As one of the pool `solo` does."""
    sweep = Sweep(process.current(), lifecycle._watchdog)
    signal.signal(signal.SIGTERM, lambda *_: sweep.stop())
    assert everywhere(lambda line: is_interrupted_at(line, sweep.wake)) >= 1


def test_signal_may_come_while_the_runtime_is_requested() -> None:
    signal.signal(signal.SIGTERM, lambda *_: process.current())
    assert everywhere(lambda line: is_interrupted_at(line, process.current)) > 2
