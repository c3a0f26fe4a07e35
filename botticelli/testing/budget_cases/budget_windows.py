"""Tests windows: what counts and for how long, exact waits, limits that change, blocks, and the clock."""

from __future__ import annotations

import random

import pytest

from botticelli.budget import BLOCKED, Amounts, Budget, Scope, Window, WindowKind
from botticelli.testing.budget_cases.budget_base import (
    MINUTE_MS,
    BudgetCases,
    granted,
    held,
    hold,
    refused,
    tokens_per_minute,
    used,
    wait_of,
)
from botticelli.testing.budget_cases.clock import ManualClock
from botticelli.testing.budget_cases.intervals import most_in_any_interval


def window_of(kind: WindowKind, limit: int = 100, guard_ms: int = 0) -> Scope:
    return Scope("model", (Window("tokens", limit, 60, kind),), guard_ms)


class WindowCases(BudgetCases):
    @pytest.mark.parametrize("kind", ["sliding", "fixed", "bucket"])
    def test_wait_is_exact(self, budget: Budget, clock: ManualClock, kind: WindowKind) -> None:
        scope = window_of(kind)
        for tokens in (30, 30, 20):
            assert budget.charge(scope, Amounts(tokens=tokens)) is None
            clock.advance(7_001)
        granted(hold(budget, "holder", scope, tokens=20))
        wait_ms = wait_of(hold(budget, "t", scope, tokens=55))
        clock.advance(wait_ms - 1)
        assert wait_of(hold(budget, "t", scope, tokens=55)) == 1
        clock.advance(1)
        granted(hold(budget, "t", scope, tokens=55))

    @pytest.mark.parametrize("kind", ["sliding", "fixed", "bucket"])
    def test_usage_agrees_with_what_is_granted(self, budget: Budget, clock: ManualClock, kind: WindowKind) -> None:
        scope = window_of(kind, limit=1_000)
        assert budget.charge(scope, Amounts(tokens=300)) is None
        granted(hold(budget, "holder", scope, tokens=200))
        clock.advance(7_001)
        window = budget.usage(scope).windows[0]
        assert (window.used, window.held) == (300 - 7_001 * 1_000 // MINUTE_MS if kind == "bucket" else 300, 200)
        assert refused(budget.charge(scope, Amounts(tokens=window.remaining + 1))).used == window.used + window.held
        assert budget.charge(scope, Amounts(tokens=window.remaining)) is None
        assert budget.usage(scope).windows[0].remaining == 0

    def test_sliding_allows_no_burst_at_a_border(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        clock.ms -= clock.ms % MINUTE_MS + 1
        assert budget.charge(scope, Amounts(tokens=100)) is None
        clock.advance(2)
        assert wait_of(budget.charge(scope, Amounts(tokens=1))) == MINUTE_MS - 2

    def test_sliding_lets_go_of_each_charge_when_it_is_a_period_old(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        seen = []
        for _ in range(3):
            assert budget.charge(scope, Amounts(tokens=20)) is None
            clock.advance(MINUTE_MS // 3)
            seen.append(budget.usage(scope).windows[0].resets_after_ms)
        assert seen == [40_000, 20_000, 20_000]
        assert used(budget, scope) == [40]

    def test_charges_close_together_do_not_expire_early(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        clock.ms -= clock.ms % MINUTE_MS
        for _ in range(10):
            clock.advance(90)
            assert budget.charge(scope, Amounts(tokens=10)) is None
        clock.advance(MINUTE_MS - 1)
        assert used(budget, scope)[0] >= 10
        clock.advance(1)
        assert used(budget, scope) == [0]

    def test_fixed_counts_from_the_first_use_and_then_anew(self, budget: Budget, clock: ManualClock) -> None:
        scope = window_of("fixed")
        clock.advance(12_345)
        assert budget.charge(scope, Amounts(tokens=1)) is None
        clock.advance(MINUTE_MS - 1)
        assert budget.charge(scope, Amounts(tokens=99)) is None
        assert wait_of(budget.charge(scope, Amounts(tokens=1))) == 1
        clock.advance(1)
        assert budget.charge(scope, Amounts(tokens=100)) is None
        assert budget.usage(scope).windows[0].resets_after_ms == MINUTE_MS

    def test_held_amounts_carry_on_into_the_next_fixed_window(self, budget: Budget, clock: ManualClock) -> None:
        scope = window_of("fixed")
        granted(hold(budget, "t", scope, tokens=60))
        assert budget.charge(scope, Amounts(tokens=40)) is None
        clock.advance(MINUTE_MS)
        assert refused(budget.charge(scope, Amounts(tokens=41))).used == 60
        assert budget.charge(scope, Amounts(tokens=40)) is None

    @pytest.mark.parametrize("kind", ["sliding", "fixed"])
    def test_guard_lengthens_the_window(self, budget: Budget, clock: ManualClock, kind: WindowKind) -> None:
        scope = window_of(kind, guard_ms=250)
        assert budget.charge(scope, Amounts(tokens=100)) is None
        assert wait_of(budget.charge(scope, Amounts(tokens=1))) == MINUTE_MS + 250
        clock.advance(MINUTE_MS + 249)
        refused(budget.charge(scope, Amounts(tokens=1)))
        clock.advance(1)
        assert budget.charge(scope, Amounts(tokens=100)) is None

    @pytest.mark.parametrize(("kind", "lengthened"), [("sliding", True), ("fixed", False)])
    def test_widened_scope_lengthens_windows_that_move(
        self, budget: Budget, clock: ManualClock, kind: WindowKind, lengthened: bool
    ) -> None:
        scope = window_of(kind, guard_ms=25)
        assert budget.charge(scope, Amounts(tokens=100)) is None
        assert budget.widen(scope, 400, 300_000) == 400
        assert budget.widen(scope, 100, 900_000) == 400
        assert budget.usage(scope).guard_ms == 400
        clock.advance(MINUTE_MS + 25)
        assert (budget.charge(scope, Amounts(tokens=1)) is not None) == lengthened
        clock.advance(375)
        assert budget.charge(scope, Amounts(tokens=99)) is None

    def test_widened_bucket_begins_to_refill_later(self, budget: Budget, clock: ManualClock) -> None:
        scope = window_of("bucket")
        assert budget.widen(scope, 3_000, 300_000) == 3_000
        assert budget.charge(scope, Amounts(tokens=100)) is None
        assert wait_of(budget.charge(scope, Amounts(tokens=5))) == 3_000 + MINUTE_MS // 20
        clock.advance(3_000 + MINUTE_MS // 20)
        assert budget.charge(scope, Amounts(tokens=5)) is None

    def test_widened_scope_narrows_by_itself(self, budget: Budget, clock: ManualClock) -> None:
        scope = window_of("sliding", guard_ms=25)
        assert budget.widen(scope, 400, MINUTE_MS) == 400
        clock.advance(MINUTE_MS)
        assert (budget.widen(scope, 0, 0), budget.usage(scope).guard_ms) == (0, 25)
        assert budget.charge(scope, Amounts(tokens=100)) is None
        clock.advance(MINUTE_MS + 25)
        assert budget.charge(scope, Amounts(tokens=100)) is None

    def test_refusing_window_leaves_other_windows_untouched(self, budget: Budget) -> None:
        scope = Scope("model", (Window("tokens", 100, 60), Window("requests", 1, 60), Window("tokens", 50, 600)))
        assert budget.charge(scope, Amounts(1, 50)) is None
        assert refused(budget.charge(scope, Amounts(0, 1))).window == "tokens/600s"
        assert refused(budget.charge(scope, Amounts(1, 0))).window == "requests/60s"
        assert used(budget, scope) == [50, 1, 50]

    def test_changed_limit_applies_at_once(self, budget: Budget) -> None:
        assert budget.charge(tokens_per_minute(100), Amounts(tokens=80)) is None
        assert refused(budget.charge(tokens_per_minute(80), Amounts(tokens=1))).limit == 80
        assert budget.usage(tokens_per_minute(50)).windows[0].remaining == 0
        assert budget.charge(tokens_per_minute(200), Amounts(tokens=120)) is None

    def test_clock_that_goes_back_opens_no_window(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        assert budget.charge(scope, Amounts(tokens=100)) is None
        for backwards_ms in (10_000, 3_600_000):
            clock.advance(-backwards_ms)
            assert wait_of(budget.charge(scope, Amounts(tokens=1))) == MINUTE_MS
        clock.advance(3_610_000 + MINUTE_MS)
        assert budget.charge(scope, Amounts(tokens=100)) is None

    def test_blocked_scope_refuses_everything_until_it_opens(self, budget: Budget, clock: ManualClock) -> None:
        scope, other = tokens_per_minute(100), tokens_per_minute(100, "other")
        granted(hold(budget, "t", scope, tokens=10))
        budget.block_until(scope, 5_000)
        for answer in (
            hold(budget, "next", scope, tokens=1),
            budget.draw("t", "d", scope, Amounts(tokens=10)),
            budget.charge(scope, Amounts(tokens=1)),
        ):
            refusal = refused(answer)
            assert (refusal.scope, refusal.window, refusal.retry_after_ms) == ("model", BLOCKED, 5_000)
        assert budget.usage(scope).blocked_for_ms == 5_000
        assert held(budget, scope) == (0, 10)
        assert budget.charge(other, Amounts(tokens=100)) is None
        clock.advance(5_000)
        assert budget.charge(scope, Amounts(tokens=90)) is None

    def test_block_is_never_shortened(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        budget.block_until(scope, 5_000)
        budget.block_until(scope, 10)
        clock.advance(1_000)
        assert budget.usage(scope).blocked_for_ms == 4_000
        budget.block_until(scope, 9_000)
        assert budget.usage(scope).blocked_for_ms == 9_000

    def test_held_ticket_is_returned_by_a_blocked_scope(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=10))
        budget.block_until(scope, 5_000)
        granted(hold(budget, "t", scope, tokens=10))

    @pytest.mark.parametrize("period_seconds", [0.5, 60])
    def test_excess_demand_fills_the_window_and_never_passes_it(
        self, budget: Budget, clock: ManualClock, period_seconds: float
    ) -> None:
        scope = Scope("model", (Window("tokens", 1000, period_seconds),), guard_ms=0)
        period_ms, begin, costs = scope.windows[0].period_ms, clock.ms, random.Random(7)
        charged: list[tuple[int, int]] = []
        tokens = costs.randint(1, 40)
        while clock.ms < begin + 21 * period_ms:
            refusal = budget.charge(scope, Amounts(tokens=tokens))
            if refusal is None:
                charged.append((clock.ms, tokens))
                tokens = costs.randint(1, 40)
                clock.advance(costs.randint(0, max(1, period_ms // 100)))
            else:
                clock.advance(wait_of(refusal))
        assert most_in_any_interval(charged, period_ms) <= 1000
        assert sum(n for at, n in charged if at >= begin + period_ms) >= 0.98 * 20 * 1000
