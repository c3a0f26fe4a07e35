"""The guard follows what is measured: no call of a slow machine passes a sliding limit, and little of it is lost."""

from __future__ import annotations

import heapq
import random

import pytest

from botticelli.budget import Amounts, MemoryBudget, Refusal, Scope, Window
from botticelli.testing.budget_cases.clock import ManualClock
from workers.model.send_delays import KEEP_SECONDS, Spreads, stepped

LIMIT, PERIOD_MS = 100, 10_000
SCOPE = Scope("p/m@t", (Window("requests", LIMIT, PERIOD_MS / 1000),))
BOUNDS = (25, 2_000)


class Machine:
    """Draws as fast as the Budget grants; each call arrives late by chance, and the provider counts arrivals."""

    def __init__(self, *, adapts: bool, most_delay_ms: int) -> None:
        self.clock = ManualClock()
        self.budget = MemoryBudget(self.clock)
        self.spreads = Spreads(BOUNDS, lambda: self.clock.ms / 1000)
        self.adapts = adapts
        self.chance = random.Random(5)
        self.most_delay_ms = most_delay_ms
        self.under_way: list[tuple[int, int]] = []
        self.arrived: list[int] = []
        self.refused = 0

    def run(self, periods: int) -> float:
        """The part of the allowed rate that was used."""
        begin = self.clock.ms
        while self.clock.ms < begin + periods * PERIOD_MS:
            if self.adapts:
                self.spreads.report(self.budget, SCOPE)
            answer = self.budget.charge(SCOPE, Amounts(1))
            if answer is None:
                slow = self.chance.random() < 0.1
                delay_ms = self.chance.randrange(self.most_delay_ms) if slow else self.chance.randrange(20)
                heapq.heappush(self.under_way, (self.clock.ms + delay_ms, self.clock.ms))
            self.pass_time(answer)
        return len(self.arrived) / (LIMIT * periods)

    def pass_time(self, answer: Refusal | None) -> None:
        wait_ms = 3 if answer is None else answer.retry_after_ms or 0
        next_ms = self.clock.ms + wait_ms
        while self.under_way and self.under_way[0][0] <= next_ms:
            at_ms, granted_ms = heapq.heappop(self.under_way)
            self.clock.advance(at_ms - self.clock.ms)
            self.spreads.measure(SCOPE, granted_ms / 1000)
            self.arrive(at_ms)
        self.clock.advance(next_ms - self.clock.ms)

    def arrive(self, at_ms: int) -> None:
        recent = sum(1 for earlier_ms in self.arrived[-LIMIT:] if earlier_ms > at_ms - PERIOD_MS)
        if recent >= LIMIT:
            self.refused += 1
            self.spreads.refuse(SCOPE)
        else:
            self.arrived.append(at_ms)


def test_guard_that_follows_the_machine_keeps_sliding_limit() -> None:
    machine = Machine(adapts=True, most_delay_ms=400)
    used = machine.run(20)
    assert machine.refused == 0
    assert used >= 0.9


def test_fixed_guard_passes_sliding_limit_on_slow_machine() -> None:
    """The same machine without it: the simulation can tell the difference."""
    machine = Machine(adapts=False, most_delay_ms=400)
    machine.run(20)
    assert machine.refused > 10


def test_guard_stays_small_on_quick_machine() -> None:
    machine = Machine(adapts=True, most_delay_ms=20)
    assert machine.run(20) >= 0.97
    assert machine.budget.usage(SCOPE).guard_ms == 25


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def delay_of(spreads: Spreads, clock: ManualClock, scope: Scope = SCOPE) -> int:
    budget = MemoryBudget(clock)
    spreads.report(budget, scope)
    return budget.widen(scope, 0, 0)


def test_refusal_below_limit_widens_and_time_narrows(clock: ManualClock) -> None:
    spreads, widths = Spreads(BOUNDS, lambda: clock.ms / 1000), []
    for _ in range(4):
        spreads.refuse(SCOPE)
        widths.append(delay_of(spreads, clock))
    assert widths == sorted(widths) and widths[0] >= 100 and len(set(widths)) > 2
    assert widths[-1] <= PERIOD_MS // 12
    for _ in range(7):
        clock.advance(round(KEEP_SECONDS * 1000) + 1)
        widths.append(delay_of(spreads, clock))
    assert widths[-1] == 0


def test_delay_counts_for_minute_and_is_forgotten(clock: ManualClock) -> None:
    spreads = Spreads(BOUNDS, lambda: clock.ms / 1000)
    spreads.measure(SCOPE, clock.ms / 1000 - 0.3)
    first = delay_of(spreads, clock)
    assert 300 <= first < 600
    clock.advance(59_000)
    assert delay_of(spreads, clock) == first
    clock.advance(130_000)
    assert delay_of(spreads, clock) == 0


def test_same_spread_is_told_once_in_a_while(clock: ManualClock) -> None:
    spreads = Spreads(BOUNDS, lambda: clock.ms / 1000)
    for _ in range(5):
        spreads.measure(SCOPE, clock.ms / 1000 - 0.2)
    assert [delay_of(spreads, clock) > 0 for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("bounds", "window", "most"),
    [
        ((25, 25), Window("requests", 5, 60), 0),
        ((25, 300), Window("requests", 5, 60), 300),
        ((25, 2_000), Window("requests", 5, 1), 83),
        ((25, 2_000), Window("requests", 5, 60, "fixed"), 0),
        ((25, 2_000), Window("concurrency", 5, 60), 0),
    ],
)
def test_guard_keeps_within_bounds(clock: ManualClock, bounds: tuple[int, int], window: Window, most: int) -> None:
    spreads, scope = Spreads(bounds, lambda: clock.ms / 1000), Scope("s", (window,))
    spreads.measure(scope, clock.ms / 1000 - 9)
    assert delay_of(spreads, clock, scope) == most


def test_steps_are_few_and_never_smaller() -> None:
    steps = [stepped(spread_ms) for spread_ms in range(1_000)]
    assert all(step >= spread_ms for spread_ms, step in enumerate(steps)) and len(set(steps)) < 25
