"""Tests draws and settles: charged at the call, held while it lasts, settled once, corrected where charged."""

from __future__ import annotations

import pytest

from botticelli.budget import Amounts, Budget, Draw, DrawRequest, Scope, Window, WindowKind
from botticelli.testing.budget_cases.budget_base import (
    LEASE_MS,
    MINUTE_MS,
    UNKNOWN_TICKET_LEASE_SECONDS,
    BudgetCases,
    drawn,
    granted,
    held,
    hold,
    refused,
    tokens_per_minute,
    used,
    wait_of,
)
from botticelli.testing.budget_cases.clock import ManualClock

BOTH = Scope("model", (Window("requests", 10, 60), Window("tokens", 100, 60)), guard_ms=0)


def requests_per_minute(limit: int, kind: WindowKind) -> Scope:
    return Scope("model", (Window("requests", limit, 60, kind),), guard_ms=0)


class DrawCases(BudgetCases):
    def test_draw_charges_its_request_and_holds_its_tokens(self, budget: Budget, clock: ManualClock) -> None:
        granted(hold(budget, "t", BOTH, requests=3, tokens=60))
        clock.advance(5)
        draw = drawn(budget.draw("t", "d", BOTH, Amounts(1, 20)))
        assert (draw.id, draw.scope, draw.amounts, draw.drawn_at_ms) == ("d", "model", Amounts(1, 20), clock.ms)
        assert (held(budget, BOTH), used(budget, BOTH)) == ((2, 60), [1, 0])

    def test_held_amount_is_drawn_from_a_full_window(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=60))
        assert budget.charge(scope, Amounts(tokens=40)) is None
        drawn(budget.draw("t", "one", scope, Amounts(tokens=35)))
        drawn(budget.draw("t", "two", scope, Amounts(tokens=25)))
        assert (held(budget, scope), used(budget, scope)) == ((0, 60), [40])

    def test_held_amount_is_drawn_after_another_call_overspent(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=30))
        granted(hold(budget, "other", scope, tokens=10))
        drawn(budget.draw("other", "d", scope, Amounts(tokens=10)))
        budget.settle("other", "d", scope, Amounts(tokens=150))
        assert refused(budget.draw("t", "d", scope, Amounts(tokens=31))).used == 150
        drawn(budget.draw("t", "d", scope, Amounts(tokens=30)))

    def test_several_draws_at_once_equal_draws_in_turn(self, budget: Budget, clock: ManualClock) -> None:
        full = Scope("full", (Window("requests", 1, 60),), guard_ms=0)
        granted(hold(budget, "t", BOTH, requests=1, tokens=60))
        answers = budget.draw_all(
            [
                DrawRequest("t", "d", BOTH, Amounts(1, 20)),
                DrawRequest("other", "d", full, Amounts(1)),
                DrawRequest("other", "e", full, Amounts(1)),
                DrawRequest("t", "d", BOTH, Amounts(1, 20)),
            ]
        )
        first = Draw("d", "model", Amounts(1, 20), clock.ms)
        assert [answers[0], answers[1], answers[3]] == [first, Draw("d", "full", Amounts(1), clock.ms), first]
        assert (refused(answers[2]).scope, refused(answers[2]).used) == ("full", 1)
        assert (held(budget, BOTH), used(budget, BOTH), used(budget, full)) == ((0, 60), [1, 0], [1])

    def test_open_draw_is_returned_again(self, budget: Budget, clock: ManualClock) -> None:
        granted(hold(budget, "t", BOTH, requests=3, tokens=60))
        first = drawn(budget.draw("t", "d", BOTH, Amounts(1, 20)))
        clock.advance(10)
        assert budget.draw("t", "d", BOTH, Amounts(1, 20)) == first
        assert (held(budget, BOTH), used(budget, BOTH)) == ((2, 60), [1, 0])

    def test_draw_beyond_the_ticket_is_checked_by_the_windows(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=30))
        granted(hold(budget, "other", scope, tokens=40))
        refusal = refused(budget.draw("t", "d", scope, Amounts(tokens=61)))
        assert (refusal.used, refusal.requested, refusal.limit) == (40, 61, 100)
        assert held(budget, scope) == (0, 70)
        drawn(budget.draw("t", "d", scope, Amounts(tokens=60)))
        assert held(budget, scope) == (0, 100)

    def test_draw_larger_than_the_window_never_fits(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=30))
        assert refused(budget.draw("t", "d", scope, Amounts(tokens=101))).too_large

    def test_draw_without_a_ticket_is_checked_and_held(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "other", scope, tokens=50))
        assert refused(budget.draw("gone", "d", scope, Amounts(tokens=51))).used == 50
        assert budget.usage(scope).holders == ("other",)
        drawn(budget.draw("gone", "d", scope, Amounts(tokens=50)))
        assert (held(budget, scope), budget.usage(scope).tickets) == ((0, 100), 2)
        clock.advance(round(UNKNOWN_TICKET_LEASE_SECONDS * 1000))
        assert (held(budget, scope), used(budget, scope)) == ((0, 50), [50])

    def test_settle_below_the_draw_returns_the_difference(self, budget: Budget) -> None:
        granted(hold(budget, "t", BOTH, requests=1, tokens=60))
        drawn(budget.draw("t", "d", BOTH, Amounts(1, 60)))
        assert budget.settle("t", "d", BOTH, Amounts(1, 45)).outcome == "settled"
        assert (held(budget, BOTH), used(budget, BOTH)) == ((0, 0), [1, 45])

    def test_settle_above_the_draw_is_charged_in_full_and_paid_back(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=60))
        drawn(budget.draw("t", "d", scope, Amounts(tokens=60)))
        budget.settle("t", "d", scope, Amounts(tokens=150))
        usage = budget.usage(scope).windows[0]
        assert (usage.used, usage.remaining) == (150, 0)
        wait_ms = wait_of(hold(budget, "next", scope, tokens=1))
        clock.advance(wait_ms)
        granted(hold(budget, "next", scope, tokens=100))

    def test_draw_settles_once(self, budget: Budget, clock: ManualClock) -> None:
        granted(hold(budget, "t", BOTH, requests=2, tokens=60))
        drawn(budget.draw("t", "d", BOTH, Amounts(1, 20)))
        first = budget.settle("t", "d", BOTH, Amounts(1, 10))
        assert (first.outcome, first.settled_at_ms) == ("settled", clock.ms)
        for actual in (Amounts(1, 10), Amounts(0, 0), None):
            assert budget.settle("t", "d", BOTH, actual).outcome == "repeated"
        assert (held(budget, BOTH), used(budget, BOTH)) == ((1, 40), [1, 10])

    def test_settle_without_a_draw_changes_nothing(self, budget: Budget) -> None:
        assert budget.settle("nobody", "d", BOTH, Amounts(1, 10)).outcome == "repeated"
        granted(hold(budget, "t", BOTH, requests=1, tokens=60))
        assert budget.settle("t", "d", BOTH, Amounts(1, 10)).outcome == "repeated"
        assert (held(budget, BOTH), used(budget, BOTH)) == ((1, 60), [0, 0])

    def test_settle_after_the_lease_changes_nothing(self, budget: Budget, clock: ManualClock) -> None:
        scope = Scope("model", (Window("tokens", 100, 3600),))
        granted(hold(budget, "t", scope, tokens=60))
        drawn(budget.draw("t", "d", scope, Amounts(tokens=20)))
        clock.advance(LEASE_MS)
        assert budget.settle("t", "d", scope, Amounts(tokens=5)).outcome == "repeated"
        assert (held(budget, scope), used(budget, scope)) == ((0, 0), [20])

    def test_unknown_outcome_is_charged_as_drawn(self, budget: Budget) -> None:
        granted(hold(budget, "t", BOTH, requests=1, tokens=60))
        drawn(budget.draw("t", "d", BOTH, Amounts(1, 20)))
        assert budget.settle("t", "d", BOTH, None).outcome == "settled"
        assert (held(budget, BOTH), used(budget, BOTH)) == ((0, 40), [1, 20])

    def test_long_call_counts_until_a_period_after_its_end(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=80))
        drawn(budget.draw("t", "d", scope, Amounts(tokens=80)))
        clock.advance(3 * MINUTE_MS)
        assert refused(hold(budget, "next", scope, tokens=21)).used == 80
        budget.settle("t", "d", scope, Amounts(tokens=80))
        clock.advance(MINUTE_MS - 1)
        assert wait_of(hold(budget, "next", scope, tokens=21)) == 1
        clock.advance(1)
        granted(hold(budget, "next", scope, tokens=21))

    @pytest.mark.parametrize("kind", ["sliding", "fixed"])
    def test_request_that_was_not_sent_is_returned(self, budget: Budget, kind: WindowKind) -> None:
        scope = requests_per_minute(2, kind)
        granted(hold(budget, "t", scope, requests=2))
        drawn(budget.draw("t", "d", scope, Amounts(2)))
        budget.settle("t", "d", scope, Amounts(1))
        assert used(budget, scope) == [1]
        granted(hold(budget, "next", scope, requests=1))

    @pytest.mark.parametrize("kind", ["sliding", "fixed"])
    def test_returned_amount_does_not_expire_again(self, budget: Budget, clock: ManualClock, kind: WindowKind) -> None:
        scope = requests_per_minute(5, kind)
        granted(hold(budget, "t", scope, requests=4))
        drawn(budget.draw("t", "d", scope, Amounts(4)))
        budget.settle("t", "d", scope, Amounts(1))
        clock.advance(MINUTE_MS - 1)
        assert budget.charge(scope, Amounts(4)) is None
        clock.advance(1)
        assert used(budget, scope) == ([4] if kind == "sliding" else [0])

    @pytest.mark.parametrize("kind", ["sliding", "fixed"])
    def test_late_return_is_not_taken_from_other_charges(
        self, budget: Budget, clock: ManualClock, kind: WindowKind
    ) -> None:
        scope = requests_per_minute(2, kind)
        granted(hold(budget, "t", scope, requests=2))
        drawn(budget.draw("t", "d", scope, Amounts(2)))
        clock.advance(MINUTE_MS)
        assert budget.charge(scope, Amounts(2)) is None
        budget.settle("t", "d", scope, Amounts(0))
        assert used(budget, scope) == [2]

    @pytest.mark.parametrize("kind", ["sliding", "fixed"])
    def test_requests_beyond_the_draw_are_charged_at_the_settle(
        self, budget: Budget, clock: ManualClock, kind: WindowKind
    ) -> None:
        scope = requests_per_minute(9, kind)
        granted(hold(budget, "t", scope, requests=1))
        drawn(budget.draw("t", "d", scope, Amounts(1)))
        clock.advance(MINUTE_MS)
        budget.settle("t", "d", scope, Amounts(3))
        assert used(budget, scope) == [2]
