"""The founding interface: can_afford, consume, remaining."""

from __future__ import annotations

import pytest

from botticelli.budget import Amounts, MemoryBudget, Refusal, Scope, ScopeBudget, Share, Window
from botticelli.testing.budget_cases.clock import ManualClock

SCOPE = Scope(
    "model",
    (Window("requests", 3, 60, "fixed"), Window("tokens", 1000, 60, "fixed"), Window("tokens", 1200, 86_400, "fixed")),
    guard_ms=0,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def view(clock: ManualClock) -> ScopeBudget:
    return ScopeBudget(MemoryBudget(clock), SCOPE)


def test_affordable_tokens_can_be_consumed(view: ScopeBudget) -> None:
    assert not view.can_afford(1001)
    assert view.can_afford(1000)
    assert view.consume(1000) is None
    assert not view.can_afford(1)
    assert view.can_afford(0)


def test_consuming_counts_a_request_each_time(view: ScopeBudget, clock: ManualClock) -> None:
    for _ in range(3):
        assert view.consume(1) is None
    assert not view.can_afford(1)
    refusal = view.consume(1)
    assert isinstance(refusal, Refusal)
    assert refusal.window == "requests/60s fixed"
    clock.advance(60_000)
    assert view.can_afford(1)


def test_remaining_is_the_smallest_rest_of_each_metric(view: ScopeBudget) -> None:
    view.consume(900)
    view.budget.reserve("t", [Share(SCOPE, Amounts(1, 50))], 60)
    remaining = view.remaining()
    assert (remaining.requests, remaining.tokens) == (1, 50)
    assert [window.remaining for window in remaining.windows] == [1, 50, 250]


def test_no_window_means_no_limit(clock: ManualClock) -> None:
    view = ScopeBudget(MemoryBudget(clock), Scope("free"))
    assert view.can_afford(10**12)
    remaining = view.remaining()
    assert (remaining.requests, remaining.tokens, remaining.windows) == (None, None, ())


def test_a_closed_scope_affords_nothing(view: ScopeBudget, clock: ManualClock) -> None:
    view.budget.block_until(SCOPE, 500)
    assert not view.can_afford(0)
    clock.advance(500)
    assert view.can_afford(1000)
