"""Batches: who comes while one is asked for is in the next; nobody gets another's result or another's fault."""

from __future__ import annotations

import itertools
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import FrameType
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from tests.support.waiting import wait_until
from workers.batching.batcher import BATCH_SIZE, Batcher


class Server:
    """Doubles numbers; the first batch waits for `open`. Numbers in `faults` raise that, and so does one batch."""

    def __init__(self, faults: dict[int, Exception] | None = None, interrupted_batch: int | None = None) -> None:
        self.batches: list[list[int]] = []
        self.entered, self.open = Event(), Event()
        self._faults = faults or {}
        self._interrupted_batch = interrupted_batch

    def double(self, _: str, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        if len(self.batches) == 1:
            self.entered.set()
            assert self.open.wait(60)
        if len(self.batches) == self._interrupted_batch:
            raise KeyboardInterrupt
        for number in numbers:
            if number in self._faults:
                raise self._faults[number]
        return [number * 2 for number in numbers]


def answers(server: Server, count: int) -> dict[int, int | BaseException]:
    """Return the answers of `count` threads: the first asks alone, the others wait for it."""
    batcher = Batcher(server.double)
    with ThreadPoolExecutor(count) as threads:
        futures: dict[int, Future[int]] = {0: threads.submit(batcher.ask, "key", 0)}
        assert server.entered.wait(60)
        futures |= {number: threads.submit(batcher.ask, "key", number) for number in range(1, count)}
        wait_until(lambda: batcher.waiting("key") == count - 1, "the others to wait")
        server.open.set()
        outcomes = {number: future.exception(60) or future.result() for number, future in futures.items()}
    assert batcher.waiting("key") == 0
    return outcomes


def test_request_during_a_batch_is_in_the_next_batch() -> None:
    server = Server()
    assert answers(server, 5) == {number: number * 2 for number in range(5)}
    assert [len(batch) for batch in server.batches] == [1, 4]


def test_no_batch_is_longer_than_allowed() -> None:
    server = Server()
    assert answers(server, BATCH_SIZE + 3) == {number: number * 2 for number in range(BATCH_SIZE + 3)}
    assert [len(batch) for batch in server.batches] == [1, BATCH_SIZE, 2]


def test_a_bad_item_spoils_no_other() -> None:
    outcomes = answers(Server({3: ValueError("three")}), 6)
    assert isinstance(outcomes.pop(3), ValueError)
    assert outcomes == {number: number * 2 for number in (0, 1, 2, 4, 5)}


def test_when_the_server_is_away_nothing_is_asked_twice() -> None:
    server = Server({2: RedisAway("gone")})
    outcomes = answers(server, 4)
    assert outcomes.pop(0) == 0
    assert {type(answer) for answer in outcomes.values()} == {RedisAway}
    assert sorted(number for batch in server.batches for number in batch) == [0, 1, 2, 3]


def test_an_interrupted_leader_leaves_nobody_waiting() -> None:
    server = Server(interrupted_batch=2)
    outcomes = answers(server, 4)
    (leader,) = [number for number, answer in outcomes.items() if isinstance(answer, KeyboardInterrupt)]
    assert leader != 0
    assert {number: outcomes[number] for number in outcomes if number != leader} == {
        number: number * 2 for number in range(4) if number != leader
    }


def test_keys_do_not_wait_for_each_other() -> None:
    server = Server()
    batcher = Batcher(server.double)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(batcher.ask, "slow", 1)
        assert server.entered.wait(60)
        assert batcher.ask("quick", 2) == 4
        server.open.set()
        assert first.result(60) == 2


def test_alone_there_is_no_wait() -> None:
    server = Server()
    server.open.set()
    batcher = Batcher(server.double)
    assert [batcher.ask("key", number) for number in (1, 2)] == [2, 4]
    with pytest.raises(ZeroDivisionError):
        Batcher(lambda _, items: [1 // item for item in items]).ask("key", 0)


class Interrupted(Exception):
    """As of a signal."""


def interrupt(*_: object) -> None:
    raise Interrupted


def stands_in_wait(thread: int) -> bool:
    return sys._current_frames()[thread].f_code is threading.Condition.wait.__code__


def test_interrupted_waiter_is_not_waited_for() -> None:
    """Celery's soft time limit comes as a signal, wherever the main thread stands."""

    def interrupt_once_it_waits() -> None:
        wait_until(lambda: batcher.waiting("key") == 1 and stands_in_wait(main), "the main thread to wait")
        signal.pthread_kill(main, signal.SIGUSR1)

    server, main = Server(), threading.get_ident()
    batcher = Batcher(server.double)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with ThreadPoolExecutor(3) as threads:
            first = threads.submit(batcher.ask, "key", 1)
            assert server.entered.wait(60)
            sent = threads.submit(interrupt_once_it_waits)
            with pytest.raises(Interrupted):
                batcher.ask("key", 2)
            sent.result(60)
            assert batcher.waiting("key") == 0, "its item is asked for by nobody"
            later = threads.submit(batcher.ask, "key", 3)
            wait_until(lambda: batcher.waiting("key") == 1, "another to wait")
            server.open.set()
            assert (first.result(60), later.result(60)) == (2, 6)
    finally:
        server.open.set()
        signal.signal(signal.SIGUSR1, before)
    assert server.batches == [[1], [3]]


def interrupt_at(line: int) -> Any:
    """To be traced with: raises at this one of the lines of `ask`, as a signal's handler may between any two."""
    lines = itertools.count(1)

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is not Batcher.ask.__code__:
            return None
        if event == "line" and next(lines) == line:
            raise Interrupted
        return trace

    return trace


def is_interrupted_at(line: int) -> bool:
    """False for a line that it has not reached when it waits. What others asked for is answered all the same."""
    server = Server()
    batcher = Batcher(server.double)

    def ask() -> int:
        sys.settrace(interrupt_at(line))
        try:
            return batcher.ask("key", 2)
        finally:
            sys.settrace(None)

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(batcher.ask, "key", 1)
        assert server.entered.wait(60)
        interrupted = threads.submit(ask)
        wait_until(lambda: interrupted.done() or batcher.waiting("key") == 1, "it to be interrupted or to wait")
        later = threads.submit(batcher.ask, "key", 3)
        server.open.set()
        assert (first.result(60), later.result(60)) == (2, 6)
        assert isinstance(interrupted.exception(60), Interrupted | None)
    assert batcher.waiting("key") == 0
    return interrupted.exception() is not None and server.batches[1:] == [[3]]


def test_requester_interrupted_before_it_waits_is_not_waited_for() -> None:
    lines = list(itertools.takewhile(is_interrupted_at, itertools.count(1)))
    assert len(lines) > 2


def test_leader_of_a_batch_waits_until_it_is_full() -> None:
    server = Server()
    server.open.set()
    batcher = Batcher(server.double, gather_seconds=lambda _: 600.0)
    with ThreadPoolExecutor(BATCH_SIZE) as threads:
        outcomes = list(threads.map(lambda number: batcher.ask("key", number), range(BATCH_SIZE), timeout=60))
    assert outcomes == [number * 2 for number in range(BATCH_SIZE)]
    assert [sorted(batch) for batch in server.batches] == [list(range(BATCH_SIZE))]


def test_leader_of_a_batch_waits_for_nobody_once_all_are_there() -> None:
    server = Server()
    server.open.set()
    batcher = Batcher(server.double, lambda _: 600.0, lambda key: {"five": 5, "one": 1}[key])
    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(lambda number: batcher.ask("five", number), range(5), timeout=60)) == [0, 2, 4, 6, 8]
    assert [sorted(batch) for batch in server.batches] == [list(range(5))]
    assert batcher.ask("one", 4) == 8


def test_lone_leader_waits_no_longer_than_its_window() -> None:
    server = Server()
    server.open.set()
    assert Batcher(server.double, gather_seconds=lambda _: 0.001).ask("key", 4) == 8


def test_interrupted_leader_leaves_the_batch_to_the_others() -> None:
    server, main, gathers = Server(), threading.get_ident(), Event()

    def gather_seconds(_: str) -> float:
        is_first = not gathers.is_set()
        gathers.set()
        return 600.0 if is_first else 0.0

    batcher = Batcher(server.double, gather_seconds)

    def interrupt_once_another_came() -> int:
        wait_until(lambda: gathers.is_set() and stands_in_wait(main), "the main thread to gather")
        with ThreadPoolExecutor(1) as threads:
            later = threads.submit(batcher.ask, "key", 3)
            wait_until(lambda: batcher.waiting("key") == 1, "another to come")
            signal.pthread_kill(main, signal.SIGUSR1)
            return later.result(60)

    server.open.set()
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with ThreadPoolExecutor(1) as threads:
            outcomes = threads.submit(interrupt_once_another_came)
            with pytest.raises(Interrupted):
                batcher.ask("key", 2)
            assert outcomes.result(60) == 6
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert server.batches == [[3]]
