"""Tests calendar days and months in their time zones, and buckets that refill continuously."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from botticelli.budget import Amounts, Budget, Scope, Window
from botticelli.testing.budget_cases.budget_base import BudgetCases, drawn, granted, hold, refused, used, wait_of
from botticelli.testing.budget_cases.clock import ManualClock

PACIFIC = "America/Los_Angeles"
HOUR_MS = 3_600_000
BUCKET = Scope("bucket", (Window("tokens", 100, 60, "bucket"),), guard_ms=0)


def day_in(zone: str, guard_ms: int = 0) -> Scope:
    return Scope("day", (Window("requests", 100, 86_400, "calendar", zone),), guard_ms)


def month_in(zone: str, guard_ms: int = 0) -> Scope:
    return Scope("month", (Window("cost_microusd", 100, 2_678_400, "month", zone),), guard_ms)


def local_ms(zone: str, year: int, month: int, day: int, hour: int = 0, *, minute: int = 0) -> int:
    return round(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


class KindCases(BudgetCases):
    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            (PACIFIC, (2025, 6, 3), 24),
            (PACIFIC, (2025, 3, 9), 23),
            (PACIFIC, (2025, 11, 2), 25),
            ("Asia/Kathmandu", (2025, 6, 3), 24),
            ("Australia/Lord_Howe", (2025, 4, 6), 24.5),
            ("America/Sao_Paulo", (2018, 11, 4), 23),
            ("UTC", (2024, 2, 29), 24),
        ],
    )
    def test_local_day_has_the_length_of_its_zone(
        self, budget: Budget, clock: ManualClock, zone: str, day: tuple[int, int, int], hours: float
    ) -> None:
        scope, clock.ms = day_in(zone), local_ms(zone, *day)
        assert budget.charge(scope, Amounts(99)) is None
        assert wait_of(budget.charge(scope, Amounts(2))) == hours * HOUR_MS
        clock.advance(round(hours * HOUR_MS) - 1)
        assert wait_of(budget.charge(scope, Amounts(2))) == 1
        clock.advance(1)
        assert budget.charge(scope, Amounts(100)) is None

    def test_day_window_resets_at_midnight(self, budget: Budget, clock: ManualClock) -> None:
        scope, clock.ms = day_in(PACIFIC), local_ms(PACIFIC, 2025, 7, 1, 23, minute=59)
        for _ in range(3):
            assert budget.charge(scope, Amounts(100)) is None
            assert wait_of(budget.charge(scope, Amounts(1))) in (60_000, 24 * HOUR_MS)
            clock.advance(wait_of(budget.charge(scope, Amounts(1))))

    def test_guard_keeps_the_day_closed_for_its_time(self, budget: Budget, clock: ManualClock) -> None:
        scope, clock.ms = day_in("UTC", guard_ms=250), local_ms("UTC", 2025, 7, 1, 12)
        assert budget.charge(scope, Amounts(100)) is None
        assert wait_of(budget.charge(scope, Amounts(1))) == 12 * HOUR_MS + 250

    def test_day_is_right_after_any_jump_of_the_clock(self, budget: Budget, clock: ManualClock) -> None:
        scope = day_in(PACIFIC)
        for year in (2001, 2026, 2039):
            clock.ms = local_ms(PACIFIC, year, 1, 1, 12)
            assert budget.charge(scope, Amounts(100)) is None
            assert wait_of(budget.charge(scope, Amounts(1))) == 12 * HOUR_MS

    def test_unsent_request_of_yesterday_is_not_returned_today(self, budget: Budget, clock: ManualClock) -> None:
        scope, clock.ms = day_in("UTC"), local_ms("UTC", 2025, 7, 1, 23, minute=59)
        drawn(budget.draw("t", "d", scope, Amounts(5)))
        clock.advance(60_000)
        assert budget.charge(scope, Amounts(7)) is None
        budget.settle("t", "d", scope, Amounts(0))
        assert used(budget, scope) == [7]

    @pytest.mark.parametrize(
        ("zone", "month", "hours"),
        [
            ("UTC", (2026, 11), 30 * 24),
            ("UTC", (2026, 12), 31 * 24),
            ("UTC", (2024, 2), 29 * 24),
            ("UTC", (2026, 2), 28 * 24),
            (PACIFIC, (2026, 3), 31 * 24 - 1),
            ("Europe/Rome", (2026, 10), 31 * 24 + 1),
        ],
    )
    def test_local_month_has_the_length_of_its_zone(
        self, budget: Budget, clock: ManualClock, zone: str, month: tuple[int, int], hours: int
    ) -> None:
        scope, clock.ms = month_in(zone), local_ms(zone, *month, 1)
        assert budget.charge(scope, Amounts(cost_microusd=99)) is None
        assert wait_of(budget.charge(scope, Amounts(cost_microusd=2))) == hours * HOUR_MS
        clock.advance(hours * HOUR_MS - 1)
        assert wait_of(budget.charge(scope, Amounts(cost_microusd=2))) == 1
        clock.advance(1)
        assert budget.charge(scope, Amounts(cost_microusd=100)) is None

    def test_month_counts_from_its_first_day_whenever_it_is_first_used(
        self, budget: Budget, clock: ManualClock
    ) -> None:
        scope, clock.ms = month_in("UTC", guard_ms=250), local_ms("UTC", 2026, 12, 31, 23)
        assert budget.charge(scope, Amounts(cost_microusd=100)) is None
        assert wait_of(budget.charge(scope, Amounts(cost_microusd=1))) == HOUR_MS + 250
        clock.advance(HOUR_MS + 250)
        assert used(budget, scope) == [0]

    def test_money_in_flight_is_held_and_the_rest_returns(self, budget: Budget, clock: ManualClock) -> None:
        scope, clock.ms = month_in("UTC"), local_ms("UTC", 2026, 11, 29, 12)
        drawn(budget.draw("t", "d", scope, Amounts(1, cost_microusd=60)))
        assert refused(budget.charge(scope, Amounts(cost_microusd=41))).used == 60
        budget.settle("t", "d", scope, Amounts(1, cost_microusd=15))
        assert used(budget, scope) == [15]
        assert budget.charge(scope, Amounts(cost_microusd=85)) is None

    def test_bucket_refills_continuously(self, budget: Budget, clock: ManualClock) -> None:
        assert budget.charge(BUCKET, Amounts(tokens=100)) is None
        seen = []
        for ms in (1, 599, 29_400, 29_999, 1):
            clock.advance(ms)
            seen.append(used(budget, BUCKET)[0])
        assert seen == [100, 99, 50, 1, 0]

    @pytest.mark.parametrize("tokens", [1, 7, 50, 100])
    def test_wait_for_a_bucket_is_exact(self, budget: Budget, clock: ManualClock, tokens: int) -> None:
        assert budget.charge(BUCKET, Amounts(tokens=97)) is None
        clock.advance(1_234)
        assert budget.charge(BUCKET, Amounts(tokens=5)) is None
        clock.advance(wait_of(budget.charge(BUCKET, Amounts(tokens=tokens))) - 1)
        assert wait_of(budget.charge(BUCKET, Amounts(tokens=tokens))) == 1
        clock.advance(1)
        assert budget.charge(BUCKET, Amounts(tokens=tokens)) is None

    def test_bucket_never_holds_more_than_its_limit(self, budget: Budget, clock: ManualClock) -> None:
        assert budget.charge(BUCKET, Amounts(tokens=1)) is None
        clock.advance(30 * 24 * HOUR_MS)
        assert budget.charge(BUCKET, Amounts(tokens=100)) is None
        assert wait_of(budget.charge(BUCKET, Amounts(tokens=1))) == 600

    def test_bucket_of_one_grants_one_at_a_time(self, budget: Budget, clock: ManualClock) -> None:
        scope, begin = Scope("one", (Window("requests", 1, 1, "bucket"),), guard_ms=25), clock.ms
        for _ in range(60):
            assert budget.charge(scope, Amounts(1)) is None
            clock.advance(wait_of(budget.charge(scope, Amounts(1))))
        assert clock.ms - begin == 60 * 1_025

    def test_held_amount_keeps_a_full_bucket_closed(self, budget: Budget, clock: ManualClock) -> None:
        granted(hold(budget, "t", BUCKET, tokens=60))
        assert refused(budget.charge(BUCKET, Amounts(tokens=41))).used == 60
        clock.advance(5 * 60_000)
        assert refused(budget.charge(BUCKET, Amounts(tokens=41))).used == 60

    def test_overdrawn_bucket_is_paid_back(self, budget: Budget, clock: ManualClock) -> None:
        drawn(budget.draw("t", "d", BUCKET, Amounts(tokens=50)))
        budget.settle("t", "d", BUCKET, Amounts(tokens=150))
        assert (used(budget, BUCKET), budget.usage(BUCKET).windows[0].resets_after_ms) == ([150], 90_000)
        assert wait_of(budget.charge(BUCKET, Amounts(tokens=1))) == 30_600

    def test_return_to_a_bucket_is_reduced_by_its_refill(self, budget: Budget, clock: ManualClock) -> None:
        scope = Scope("bucket", (Window("input_tokens", 60, 60, "bucket"),), guard_ms=0)
        drawn(budget.draw("t", "d", scope, Amounts(input_tokens=20)))
        clock.advance(15_000)
        assert budget.charge(scope, Amounts(input_tokens=40)) is None
        budget.settle("t", "d", scope, Amounts(input_tokens=0))
        assert used(budget, scope) == [40]

    def test_warmth_counts_from_the_first_use_after_a_silence(self, budget: Budget, clock: ManualClock) -> None:
        scope, idle_ms, seen = Scope("warm", (Window("tokens", 100, 60),)), 900_000, []
        for ms in (0, 60_000, 899_999, 900_000, 1):
            clock.advance(ms)
            seen.append(budget.warm_ms(scope, idle_ms, "use"))
        assert seen == [0, 60_000, 959_999, 0, 1]

    def test_look_at_warmth_is_no_use(self, budget: Budget, clock: ManualClock) -> None:
        scope = Scope("warm", (Window("tokens", 100, 60),))
        assert budget.warm_ms(scope, 1_000, "look") == 0
        clock.advance(500)
        assert [budget.warm_ms(scope, 1_000, "look"), budget.warm_ms(scope, 1_000, "use")] == [0, 0]
        clock.advance(999)
        assert budget.warm_ms(scope, 1_000, "look") == 999
        clock.advance(1)
        assert budget.warm_ms(scope, 1_000, "look") == 0

    def test_warmth_restarts_on_demand_and_outlives_other_calls(self, budget: Budget, clock: ManualClock) -> None:
        scope = Scope("warm", (Window("tokens", 100, 60),))
        assert budget.warm_ms(scope, 900_000, "use") == 0
        assert budget.charge(scope, Amounts(tokens=7)) is None
        clock.advance(200_000)
        assert budget.warm_ms(scope, 900_000, "use") == 200_000
        assert budget.warm_ms(scope, 900_000, "restart") == 0
        clock.advance(10)
        assert budget.warm_ms(scope, 900_000, "use") == 10

    def test_kinds_are_mixed_freely(self, budget: Budget, clock: ManualClock) -> None:
        clock.ms = local_ms("UTC", 2025, 7, 1, 12)
        kinds = (
            Window("requests", 5, 60, "bucket"),
            Window("requests", 7, 86_400, "calendar", "UTC"),
            Window("tokens", 100, 60),
            Window("tokens", 150, 600, "fixed"),
        )
        scope, seen = Scope("mixed", kinds, guard_ms=0), []
        for amounts in (Amounts(5, 100), Amounts(1), Amounts(0, 1), Amounts(2, 49), Amounts(1), Amounts(0, 1)):
            refusal = budget.charge(scope, amounts)
            seen.append(refusal.window if refusal else "")
            clock.advance(60_000 if refusal and "calendar" not in refusal.window else 0)
        names = [window.name for window in kinds]
        assert seen == ["", names[0], "", "", names[1], names[3]]
