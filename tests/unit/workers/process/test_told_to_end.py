"""A worker is told to end by signals: one may come wherever the handler of another stands, and nothing waits for itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery import signals

from botticelli.runtime import process
from tests.support.interrupts import everywhere, is_interrupted_at
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


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is one, as far as its signals are concerned."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    settings = SimpleNamespace(worker=SimpleNamespace(shutdown_grace_seconds=60.0, sweep_interval_seconds=60.0))
    monkeypatch.setattr(process, "_current", [SimpleNamespace(pid=os.getpid(), settings=settings)])
    monkeypatch.setattr(lifecycle, "_pools", [object()])
    monkeypatch.setattr(lifecycle, "WorkerShutdown", Leaving)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
