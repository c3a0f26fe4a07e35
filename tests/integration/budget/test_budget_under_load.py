"""Eight processes that want far more than is allowed, on one server: no interval passes a limit, and nothing leaks."""

from __future__ import annotations

import os
import signal
import tempfile
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from redis import Redis

from botticelli.budget import Amounts, RedisBudget, Scope, Window, nothing_charged
from botticelli.testing import spenders
from botticelli.testing.budget_cases.intervals import most_in_any_interval
from tests.support.waiting import at_best

PROCESSES = 8
SECONDS = 3.0
TOKENS = Window("tokens", 2000, 0.5)
REQUESTS = Window("requests", 40, 0.5)
LONG = Window("tokens", 9000, 2.5)
SCOPES = (Scope("model", (TOKENS, REQUESTS, LONG)), Scope("run", (Window("tokens", 1_000_000, 3600),)))


@pytest.fixture
def demand(socket: str) -> spenders.Demand:
    return spenders.Demand(socket, SCOPES, SECONDS, most_tokens=200, least_used=0.5)


def within_limits(granted: list[spenders.Grant]) -> None:
    """In the provider's view, whether it counts tokens when a call begins or when it ends."""
    by_draw = [(grant.drawn_at_ms, grant.tokens) for grant in granted]
    by_settle = [(grant.settled_at_ms, grant.tokens) for grant in granted]
    requests = [(grant.drawn_at_ms, grant.requests) for grant in granted]
    for window in (TOKENS, LONG):
        assert most_in_any_interval(by_draw, window.period_ms) <= window.limit
        assert most_in_any_interval(by_settle, window.period_ms) <= window.limit
    assert most_in_any_interval(requests, REQUESTS.period_ms) <= REQUESTS.limit


def nothing_is_held(client: Redis, *, after_seconds: float = 0) -> None:
    """Leases of killed processes run out in the server's time, which a test need not wait for."""

    def later_ms() -> int:
        seconds, microseconds = client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000 + round(after_seconds * 1000)

    budget = RedisBudget(client, reseed=nothing_charged, clock_ms=later_ms if after_seconds else None)
    usages = [budget.usage(scope) for scope in SCOPES]
    assert [(usage.tickets, usage.held) for usage in usages] == [(0, Amounts())] * len(SCOPES)


def end(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(timeout=SECONDS + 60)
    return [process.exitcode for process in processes]


def test_no_interval_passes_a_limit_and_nothing_stays_held(demand: spenders.Demand, tmp_path: Path) -> None:

    def is_used_to_the_full() -> bool:
        with Redis(unix_socket_path=demand.socket) as client:
            client.flushall()
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            assert end(spenders.start(demand, PROCESSES, folder)) == [0] * PROCESSES
            granted = spenders.grants(folder)
            within_limits(granted)
            nothing_is_held(client)
            spent = sum(grant.tokens for grant in granted)
            [total] = RedisBudget(client, reseed=nothing_charged).usage(SCOPES[1]).windows
            assert total.used == spent
        return spent >= 0.7 * LONG.limit * SECONDS / LONG.period_seconds

    assert at_best(is_used_to_the_full, seconds=60)


def test_killed_processes_overspend_nothing_and_leave_nothing_held(demand: spenders.Demand, tmp_path: Path) -> None:
    half = PROCESSES // 2
    victims = spenders.start(replace(demand, seconds=600), half, tmp_path)
    others = spenders.start(demand, half, tmp_path, first=half)
    for process in victims:
        process.join(timeout=SECONDS / PROCESSES)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    assert (end(victims), end(others)) == ([-signal.SIGKILL] * half, [0] * half)
    granted = spenders.grants(tmp_path)
    within_limits(granted)
    with Redis(unix_socket_path=demand.socket) as client:
        nothing_is_held(client, after_seconds=spenders.LEASE_SECONDS)
        charged = RedisBudget(client, reseed=nothing_charged).usage(SCOPES[1]).windows[0].used
    assert charged >= sum(grant.tokens for grant in granted) > 0
