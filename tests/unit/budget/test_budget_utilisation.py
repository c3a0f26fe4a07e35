"""Excess demand in virtual time: how much of a limit is used, and that nobody starves. The machine's speed plays no part."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import pairwise

from botticelli.budget import Amounts, MemoryBudget, Refusal, Scope, Share, Window
from botticelli.testing.budget_cases.clock import ManualClock
from botticelli.testing.budget_cases.intervals import most_in_any_interval, use_of_a_period

LIMIT, PERIOD_MS, PERIODS = 10_000, 2_000, 6
SCOPE = Scope("model", (Window("tokens", LIMIT, PERIOD_MS / 1000),))
CALL_MS = 1
BUCKET_MS = 9
Sizes = Callable[[int], int]
"""The number of a client -> how many tokens its next request takes."""


class Demand:
    """Eight clients that reserve, settle `CALL_MS` later, and reserve again; who is refused comes back when told to."""

    def __init__(self, size: Sizes) -> None:
        self.clock, self.size = ManualClock(), size
        self.budget = MemoryBudget(self.clock)
        self.charged: list[tuple[int, int]] = []
        self.starts: dict[int, list[int]] = {client: [self.clock.ms] for client in range(8)}

    def run(self) -> None:
        sizes = {client: self.size(client) for client in self.starts}
        due = [(self.clock.ms, client, False) for client in sizes]
        end = self.clock.ms + PERIODS * PERIOD_MS
        while due and due[0][0] < end:
            self.clock.ms, client, granted = heapq.heappop(due)
            if granted:
                self.finish(client, sizes[client])
                sizes[client] = self.size(client)
            answer = self.budget.reserve(f"{client}", [Share(SCOPE, Amounts(1, sizes[client]))], 60)
            wait_ms = answer.retry_after_ms if isinstance(answer, Refusal) else CALL_MS
            assert wait_ms is not None
            heapq.heappush(due, (self.clock.ms + wait_ms, client, not isinstance(answer, Refusal)))

    def finish(self, client: int, tokens: int) -> None:
        self.starts[client].append(self.clock.ms - CALL_MS)
        self.budget.draw(f"{client}", "d", SCOPE, Amounts(1, tokens))
        self.budget.settle(f"{client}", "d", SCOPE, Amounts(1, tokens))
        self.budget.release(f"{client}", [SCOPE])
        self.charged.append((self.clock.ms, tokens))


def test_small_requests_fill_what_is_free_beside_those_who_wait() -> None:
    """The guard of 25 ms alone takes 0.0125."""
    choose = random.Random(1)
    demand = Demand(lambda _: choose.randint(1, LIMIT // 50))
    demand.run()
    assert most_in_any_interval(demand.charged, PERIOD_MS) <= LIMIT
    assert use_of_a_period(demand.charged, PERIOD_MS) >= 0.98 * LIMIT


def test_a_large_client_gets_its_turn_in_each_period_and_so_do_the_small_ones() -> None:
    choose = random.Random(1)
    demand = Demand(lambda client: LIMIT * 4 // 10 if client == 0 else choose.randint(50, 150))
    demand.run()
    assert most_in_any_interval(demand.charged, PERIOD_MS) <= LIMIT
    for starts in demand.starts.values():
        waits = [later - before for before, later in pairwise([*starts, demand.clock.ms])]
        assert max(waits) <= PERIOD_MS + SCOPE.guard_ms + BUCKET_MS
