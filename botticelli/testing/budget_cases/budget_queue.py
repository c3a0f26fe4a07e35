"""Tests that refused reservations are served in order of arrival, and that small ones don't starve a large one."""

from __future__ import annotations

from botticelli.budget import Amounts, Budget, Holding, Scope, Share, Waiter, Window
from botticelli.testing.budget_cases.budget_base import (
    LEASE_MS,
    LEASE_SECONDS,
    MINUTE_MS,
    BudgetCases,
    drawn,
    granted,
    hold,
    refused,
    tokens_per_minute,
    wait_of,
)
from botticelli.testing.budget_cases.clock import ManualClock

SCOPE = tokens_per_minute(100)
LATE_MS = 2_000


def waiting(budget: Budget, scope: Scope = SCOPE) -> list[str]:
    return [waiter.ticket for waiter in budget.usage(scope).waiting]


def fill(budget: Budget, clock: ManualClock) -> None:
    """Charge ten tokens ten times, two seconds apart."""
    for _ in range(10):
        assert budget.charge(SCOPE, Amounts(tokens=10)) is None
        clock.advance(2_000)


class QueueCases(BudgetCases):
    def test_large_request_gets_its_turn_among_small_ones(self, budget: Budget, clock: ManualClock) -> None:
        fill(budget, clock)
        turn_ms = wait_of(hold(budget, "large", SCOPE, tokens=40))
        due_ms, small = clock.ms + turn_ms, 0
        while clock.ms < due_ms:
            refusal = refused(hold(budget, f"small{small}", SCOPE, tokens=5))
            assert refusal.used >= 100
            small += 1
            clock.advance(min(500, due_ms - clock.ms))
        granted(hold(budget, "large", SCOPE, tokens=40))
        assert small > 90

    def test_waiters_are_served_in_order_of_arrival(self, budget: Budget, clock: ManualClock) -> None:
        fill(budget, clock)
        waits = {name: wait_of(hold(budget, name, SCOPE, tokens=10)) for name in ("a", "b", "c")}
        begin = clock.ms
        assert list(waits.values()) == [40_000, 42_000, 44_000]
        for name, wait_ms in waits.items():
            clock.ms = begin + wait_ms
            for other in ("c", "b", "newcomer"):
                if other > name:
                    refused(hold(budget, other, SCOPE, tokens=10))
            granted(hold(budget, name, SCOPE, tokens=10))
        assert waiting(budget) == ["newcomer"]

    def test_request_that_fits_beside_all_waiters_is_granted(self, budget: Budget) -> None:
        granted(hold(budget, "holder", SCOPE, tokens=70))
        refused(hold(budget, "large", SCOPE, tokens=40))
        refused(hold(budget, "small", SCOPE, tokens=1))
        budget.release("holder", [SCOPE])
        granted(hold(budget, "small", SCOPE, tokens=1))
        granted(hold(budget, "next", SCOPE, tokens=59))
        granted(hold(budget, "large", SCOPE, tokens=40))
        assert waiting(budget) == []

    def test_later_request_passes_when_it_delays_no_waiter(self, budget: Budget, clock: ManualClock) -> None:
        """Leave 10 tokens free, of which 5 are to spare at the turn of `a`, but only 1 at the turn of `b`."""
        fill(budget, clock)
        clock.advance(wait_of(hold(budget, "any", SCOPE, tokens=10)))
        budget.release("any", [SCOPE])
        waits = [wait_of(hold(budget, *arguments)) for arguments in (("a", SCOPE, 0, 35), ("b", SCOPE, 0, 14))]
        assert waits == [6_000, 8_000]
        assert refused(hold(budget, "large", SCOPE, tokens=2)).used == 90 + 35 + 14
        assert budget.charge(SCOPE, Amounts(tokens=1)) is None
        assert refused(budget.charge(SCOPE, Amounts(tokens=1))).used == 91 + 35 + 14 + 2
        begin = clock.ms
        for name, tokens, wait_ms in zip("ab", (35, 14), waits, strict=True):
            clock.ms = begin + wait_ms
            granted(hold(budget, name, SCOPE, tokens=tokens))

    def test_absent_waiter_loses_its_place(self, budget: Budget, clock: ManualClock) -> None:
        assert budget.charge(SCOPE, Amounts(tokens=100)) is None
        clock.advance(wait_of(hold(budget, "gone", SCOPE, tokens=100)) + LATE_MS - 1)
        assert refused(hold(budget, "next", SCOPE, tokens=10)).used == 100
        clock.advance(1)
        granted(hold(budget, "next", SCOPE, tokens=10))

    def test_released_ticket_gives_up_its_place(self, budget: Budget) -> None:
        granted(hold(budget, "holder", SCOPE, tokens=70))
        refused(hold(budget, "large", SCOPE, tokens=40))
        budget.release("large", [SCOPE])
        granted(hold(budget, "small", SCOPE, tokens=30))

    def test_charges_respect_the_queue_and_draws_pass_it(self, budget: Budget) -> None:
        granted(hold(budget, "holder", SCOPE, tokens=70))
        refused(hold(budget, "large", SCOPE, tokens=40))
        assert refused(budget.charge(SCOPE, Amounts(tokens=30))).used == 110
        drawn(budget.draw("holder", "d", SCOPE, Amounts(tokens=100)))

    def test_places_in_the_queue_expire_and_are_limited(self, budget: Budget, clock: ManualClock) -> None:
        day = Scope("day", (Window("tokens", 100, 86_400),))
        assert budget.charge(day, Amounts(tokens=99)) is None
        assert wait_of(hold(budget, "long", day, tokens=2)) > 120_000
        assert refused(hold(budget, "large", day, tokens=101)).too_large
        granted(hold(budget, "small", day, tokens=1))
        budget.block_until(SCOPE, 1_000)
        refused(hold(budget, "blocked", SCOPE, tokens=1))
        clock.advance(1_000)
        assert (waiting(budget, day), waiting(budget)) == ([], [])
        granted(hold(budget, "holder", SCOPE, tokens=100))
        for number in range(40):
            refused(hold(budget, f"t{number}", SCOPE, tokens=1))
        assert waiting(budget) == [f"t{number}" for number in range(32)]

    def test_place_in_a_scope_is_kept_while_another_refuses(self, budget: Budget) -> None:
        other = tokens_per_minute(100, "other")
        shares = [Share(SCOPE, Amounts(tokens=40)), Share(other, Amounts(tokens=40))]
        granted(hold(budget, "holder", SCOPE, tokens=70))
        refused(budget.reserve("t", shares, LEASE_SECONDS))
        budget.release("holder", [SCOPE])
        granted(hold(budget, "holder", other, tokens=70))
        refused(budget.reserve("t", shares, LEASE_SECONDS))
        assert (waiting(budget), waiting(budget, other)) == (["t"], ["t"])
        budget.release("holder", [other])
        granted(budget.reserve("t", shares, LEASE_SECONDS))
        assert (waiting(budget), waiting(budget, other)) == ([], [])

    def test_usage_lists_holders_and_waiters(self, budget: Budget, clock: ManualClock) -> None:
        scope = Scope("model", (Window("tokens", 100, 60), Window("requests", 5, 60, "bucket")), guard_ms=0)
        granted(hold(budget, "t", scope, requests=3, tokens=80))
        drawn(budget.draw("t", "one", scope, Amounts(1, 30)))
        drawn(budget.draw("t", "two", scope, Amounts(1, 20)))
        clock.advance(1_000)
        refused(hold(budget, "next", scope, requests=1, tokens=21))
        usage = budget.usage(scope)
        assert usage.holdings == (Holding("t", Amounts(1, 30), Amounts(2, 50), LEASE_MS - 1_000),)
        assert usage.waiting == (Waiter("next", Amounts(1, 21), 1_000),)
        assert [window.free_after_ms for window in usage.windows] == [0, 0]

    def test_usage_says_when_the_next_request_fits(self, budget: Budget, clock: ManualClock) -> None:
        kinds = (
            Window("tokens", 100, 60),
            Window("tokens", 100, 600, "fixed"),
            Window("tokens", 99, 99, "bucket"),
            Window("requests", 0, 60),
        )
        scope = Scope("model", kinds, guard_ms=0)
        assert budget.charge(scope, Amounts(tokens=60)) is None
        clock.advance(1_500)
        assert budget.charge(scope, Amounts(tokens=40)) is None
        free = [window.free_after_ms for window in budget.usage(scope).windows]
        assert free == [MINUTE_MS - 1_500, 10 * MINUTE_MS - 1_500, 500, None]
