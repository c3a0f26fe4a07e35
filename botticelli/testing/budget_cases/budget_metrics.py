"""Tests which metrics are charged at the draw and which at the settle; slots are only held."""

from __future__ import annotations

import pytest

from botticelli.budget import METRICS, Amounts, Budget, Metric, Scope, Share, Window
from botticelli.testing.budget_cases.budget_base import (
    LEASE_MS,
    LEASE_SECONDS,
    BudgetCases,
    drawn,
    granted,
    refused,
    used,
)
from botticelli.testing.budget_cases.clock import ManualClock

ALL = Scope("all", tuple(Window(metric, 100, 3600) for metric in METRICS), guard_ms=0)
TEN, FOUR = (Amounts(n, n, n, n, n, n) for n in (10, 4))


def hold_ten(budget: Budget) -> None:
    granted(budget.reserve("t", [Share(ALL, TEN)], LEASE_SECONDS))


def columns(budget: Budget) -> list[tuple[int, int]]:
    """Return used and held amounts of each metric: requests, tokens, input, output, cost, slots."""
    return [(window.used, window.held) for window in budget.usage(ALL).windows]


class MetricCases(BudgetCases):
    def test_ticket_holds_every_metric(self, budget: Budget) -> None:
        hold_ten(budget)
        assert (columns(budget), budget.usage(ALL).held) == ([(0, 10)] * 6, TEN)

    def test_draw_charges_requests_and_input(self, budget: Budget) -> None:
        hold_ten(budget)
        assert drawn(budget.draw("t", "d", ALL, FOUR)).amounts == FOUR
        assert columns(budget) == [(4, 6), (0, 10), (4, 6), (0, 10), (0, 10), (0, 10)]

    def test_settle_charges_the_rest_and_frees_the_slots(self, budget: Budget) -> None:
        hold_ten(budget)
        drawn(budget.draw("t", "d", ALL, FOUR))
        budget.settle("t", "d", ALL, Amounts(4, 3, 2, 5, 1, 4))
        assert columns(budget) == [(4, 6), (3, 6), (2, 6), (5, 6), (1, 6), (0, 6)]

    def test_unknown_outcome_charges_the_draw_but_no_slot(self, budget: Budget) -> None:
        hold_ten(budget)
        drawn(budget.draw("t", "d", ALL, FOUR))
        budget.settle("t", "d", ALL, None)
        assert columns(budget) == [(4, 6)] * 5 + [(0, 6)]

    def test_release_and_expiry_free_slots_and_keep_what_was_drawn(self, budget: Budget, clock: ManualClock) -> None:
        for expires in (False, True):
            hold_ten(budget)
            drawn(budget.draw("t", "d", ALL, FOUR))
            clock.advance(LEASE_MS if expires else 0)
            budget.release("t", [ALL])
        assert columns(budget) == [(8, 0)] * 5 + [(0, 0)]

    @pytest.mark.parametrize("metric", METRICS)
    def test_metric_is_limited_on_its_own(self, budget: Budget, metric: Metric) -> None:
        scope = Scope("one", (Window(metric, 10, 60),))
        amounts = Amounts.each(lambda each: 6 if each == metric else 10**9)
        granted(budget.reserve("t", [Share(scope, amounts)], LEASE_SECONDS))
        refusal = refused(budget.reserve("next", [Share(scope, amounts)], LEASE_SECONDS))
        assert (refusal.window, refusal.used, refusal.requested) == (f"{metric}/60s", 6, 6)

    def test_slots_limit_calls_at_the_same_time_and_not_their_number(self, budget: Budget) -> None:
        scope = Scope("slots", (Window("concurrency", 2, 60),))
        for turn in range(5):
            for call in ("one", "two"):
                drawn(budget.draw(call, f"{turn}", scope, Amounts(1, concurrency=1)))
            refusal = refused(budget.draw("three", f"{turn}", scope, Amounts(1, concurrency=1)))
            assert (refusal.window, refusal.used, refusal.limit, refusal.retry_after_ms) == (
                "concurrency/60s",
                2,
                2,
                1000,
            )
            for call in ("one", "two"):
                budget.settle(call, f"{turn}", scope, Amounts(1))
        assert used(budget, scope) == [0]

    def test_slot_is_freed_when_its_lease_expires(self, budget: Budget, clock: ManualClock) -> None:
        scope = Scope("slots", (Window("concurrency", 1, 60),))
        granted(budget.reserve("t", [Share(scope, Amounts(concurrency=1))], LEASE_SECONDS))
        drawn(budget.draw("t", "d", scope, Amounts(concurrency=1)))
        clock.advance(LEASE_MS - 1)
        refused(budget.draw("next", "d", scope, Amounts(concurrency=1)))
        clock.advance(1)
        drawn(budget.draw("next", "d", scope, Amounts(concurrency=1)))
