"""Tests tickets from reservation to end: all or nothing, once, released, renewed, expired."""

from __future__ import annotations

import json

from botticelli.budget import Amounts, Budget, Closing, Scope, SettleRequest, Share, Ticket, Window
from botticelli.testing.budget_cases.budget_base import (
    LEASE_MS,
    LEASE_SECONDS,
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


class TicketCases(BudgetCases):
    def test_grant_is_held_in_every_scope(self, budget: Budget, clock: ManualClock) -> None:
        first, other = tokens_per_minute(100, "first"), tokens_per_minute(100, "other")
        shares = [Share(first, Amounts(1, 60)), Share(other, Amounts(2, 30))]
        ticket = granted(budget.reserve("t", shares, LEASE_SECONDS))
        assert ticket == Ticket("t", tuple(shares), clock.ms + LEASE_MS)
        assert [held(budget, first), held(budget, other)] == [(1, 60), (2, 30)]
        usage = budget.usage(first)
        assert (usage.tickets, usage.holders, usage.windows[0].remaining) == (1, ("t",), 40)

    def test_several_tickets_are_granted_as_far_as_they_fit(self, budget: Budget, clock: ManualClock) -> None:
        first, other = tokens_per_minute(100, "first"), tokens_per_minute(75, "other")
        shares = [Share(first, Amounts(1, 30)), Share(other, Amounts(1, 30))]
        answer = budget.reserve_all([f"t{n}" for n in range(5)], shares, LEASE_SECONDS)
        assert answer == [Ticket(f"t{n}", tuple(shares), clock.ms + LEASE_MS) for n in range(2)]
        assert [held(budget, scope) for scope in (first, other)] == [(2, 60)] * 2
        assert [waiter.ticket for scope in (first, other) for waiter in budget.usage(scope).waiting] == []
        granted(hold(budget, "behind", other, tokens=15))

    def test_closed_draws_and_tickets_make_room_for_the_reservation_of_their_trip(self, budget: Budget) -> None:
        scope, other = tokens_per_minute(100), tokens_per_minute(100, "other")
        shares = [Share(scope, Amounts(1, 60)), Share(other, Amounts(1, 60))]
        ended = granted(budget.reserve("ended", shares, LEASE_SECONDS))
        drawn(budget.draw("ended", "d", scope, Amounts(1, 60)))
        closing = Closing([SettleRequest("ended", "d", scope, Amounts(1, 20))], [ended])
        refused(budget.reserve("next", shares, LEASE_SECONDS))
        for outcome in ("settled", "repeated"):  # a trip that comes twice charges and holds nothing twice
            [settlement], answer = budget.close_and_reserve(closing, ["next"], shares, LEASE_SECONDS)
            assert (settlement.outcome, isinstance(answer, list)) == (outcome, True), f"refused: {answer}"
            assert [held(budget, each) for each in (scope, other)] == [(1, 60)] * 2
            assert [used(budget, each) for each in (scope, other)] == [[20], [0]]
            assert budget.usage(scope).holders == budget.usage(other).holders == ("next",)

    def test_draws_are_settled_and_tickets_released_when_the_reservation_of_their_trip_is_refused(
        self, budget: Budget
    ) -> None:
        scope = tokens_per_minute(100)
        ended = granted(hold(budget, "ended", scope, tokens=60))
        drawn(budget.draw("ended", "d", scope, Amounts(1, 40)))
        closing = Closing([SettleRequest("ended", "d", scope, Amounts(1, 30))], [ended])
        _, answer = budget.close_and_reserve(closing, ["next"], [Share(scope, Amounts(1, 101))], LEASE_SECONDS)
        refused(answer)
        assert (held(budget, scope), used(budget, scope)) == ((0, 0), [30])

    def test_draws_are_settled_before_their_tickets_are_released(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        tickets = [granted(hold(budget, ticket, scope, tokens=40)) for ticket in ("a", "b")]
        for ticket in ("a", "b"):
            drawn(budget.draw(ticket, f"d{ticket}", scope, Amounts(1, 40)))
        draws = [SettleRequest("a", "da", scope, Amounts(1, 10)), SettleRequest("b", "db", scope, None)]
        assert [settlement.outcome for settlement in budget.close_all(Closing(draws, tickets))] == ["settled"] * 2
        assert (held(budget, scope), used(budget, scope)) == ((0, 0), [50])

    def test_first_of_several_tickets_that_do_not_fit_is_refused(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        drawn(budget.draw("first", "d", scope, Amounts(1, 80)))
        budget.settle("first", "d", scope, None)
        shares = [Share(scope, Amounts(1, 30))]
        refusal = refused(budget.reserve_all(["a", "b"], shares, LEASE_SECONDS))
        assert (refusal.scope, refusal.requested, refusal.used) == ("model", 30, 80)
        assert [waiter.ticket for waiter in budget.usage(scope).waiting] == ["a"]
        assert refused(budget.reserve("a", shares, LEASE_SECONDS)) == refusal

    def test_known_ticket_among_several_is_not_held_twice(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "b", scope, requests=1, tokens=40))
        answer = budget.reserve_all(["a", "b", "c"], [Share(scope, Amounts(1, 30))], LEASE_SECONDS)
        assert isinstance(answer, list), f"refused: {answer}"
        assert [ticket.id for ticket in answer] == ["a", "b", "c"]
        assert held(budget, scope) == (3, 100)

    def test_refusing_scope_leaves_other_scopes_untouched(self, budget: Budget) -> None:
        free, full = tokens_per_minute(100, "free"), tokens_per_minute(100, "full")
        granted(hold(budget, "first", full, tokens=80))
        answer = budget.reserve("t", [Share(free, Amounts(tokens=50)), Share(full, Amounts(tokens=50))], LEASE_SECONDS)
        refusal = refused(answer)
        assert (refusal.scope, refusal.window, refusal.limit) == ("full", "tokens/60s", 100)
        assert (refusal.used, refusal.requested) == (80, 50)
        assert held(budget, free) == (0, 0)
        assert budget.usage(free).tickets == 0

    def test_refusal_by_a_second_window_leaks_nothing(self, budget: Budget) -> None:
        scope = Scope("model", (Window("tokens", 1000, 60), Window("requests", 1, 60)))
        granted(hold(budget, "first", scope, requests=1, tokens=10))
        for attempt in range(5):
            assert refused(hold(budget, f"t{attempt}", scope, requests=1, tokens=10)).window == "requests/60s"
        assert held(budget, scope) == (1, 10)

    def test_request_larger_than_a_window_is_refused_for_ever(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        refusal = refused(hold(budget, "t", scope, tokens=101))
        assert refusal.too_large
        assert (refusal.limit, refusal.requested) == (100, 101)
        granted(hold(budget, "t", scope, tokens=100))

    def test_too_large_for_one_window_outweighs_a_wait_for_another(self, budget: Budget) -> None:
        scope = Scope("model", (Window("requests", 1, 60), Window("tokens", 100, 60)))
        granted(hold(budget, "first", scope, requests=1))
        assert refused(hold(budget, "t", scope, requests=1, tokens=101)).window == "tokens/60s"

    def test_refusal_names_the_longest_wait(self, budget: Budget) -> None:
        scope = Scope("model", (Window("tokens", 100, 60), Window("tokens", 100, 3600), Window("tokens", 100, 600)))
        assert budget.charge(scope, Amounts(tokens=100)) is None
        assert refused(hold(budget, "t", scope, tokens=1)).window == "tokens/3600s"

    def test_repeated_ticket_is_held_once_and_gets_a_new_lease(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=60))
        clock.advance(1000)
        assert granted(hold(budget, "t", scope, tokens=60)).lease_until_ms == clock.ms + LEASE_MS
        assert held(budget, scope) == (0, 60)
        clock.advance(LEASE_MS - 500)
        assert held(budget, scope) == (0, 60)

    def test_scope_named_twice_is_charged_the_sum(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        share = Share(scope, Amounts(1, 40))
        granted(budget.reserve("t", [share, share], LEASE_SECONDS))
        assert held(budget, scope) == (2, 80)

    def test_scope_without_windows_grants_and_lists_its_holders(self, budget: Budget) -> None:
        scope = Scope("unlimited")
        granted(hold(budget, "t", scope, requests=1, tokens=10**9))
        assert (held(budget, scope), budget.usage(scope).holders) == ((1, 10**9), ("t",))

    def test_empty_request_is_granted_by_a_full_window(self, budget: Budget) -> None:
        scope = Scope("model", (Window("tokens", 10, 60), Window("requests", 5, 60)))
        granted(hold(budget, "first", scope, tokens=10))
        granted(hold(budget, "t", scope, requests=1))

    def test_released_amounts_are_returned_once(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=60))
        granted(hold(budget, "other", scope, tokens=40))
        budget.release("t", [scope])
        budget.release("t", [scope])
        assert (held(budget, scope), used(budget, scope)) == ((0, 40), [0])
        granted(hold(budget, "next", scope, tokens=60))

    def test_several_releases_at_once_equal_releases_in_turn(self, budget: Budget) -> None:
        scope, other = tokens_per_minute(100), Scope("other", (Window("requests", 2, 60),), guard_ms=0)
        first = granted(budget.reserve("t", [Share(scope, Amounts(tokens=60)), Share(other, Amounts(1))], 60))
        second = granted(hold(budget, "u", scope, tokens=30))
        granted(hold(budget, "v", scope, tokens=10))
        drawn(budget.draw("u", "d", scope, Amounts(tokens=5)))
        budget.release_all([first, second, first])
        assert (held(budget, scope), used(budget, scope)) == ((0, 10), [5])
        assert held(budget, other) == (0, 0)

    def test_several_renewals_at_once_equal_renewals_in_turn(self, budget: Budget, clock: ManualClock) -> None:
        scope, other = tokens_per_minute(100), Scope("other", (Window("requests", 2, 60),), guard_ms=0)
        first = granted(
            budget.reserve("t", [Share(scope, Amounts(tokens=60)), Share(other, Amounts(1))], LEASE_SECONDS)
        )
        second = granted(hold(budget, "u", scope, tokens=30))
        granted(hold(budget, "v", scope, tokens=10))
        clock.advance(LEASE_MS - 1)
        budget.renew_all([first, Ticket("gone", first.shares, 0), second], LEASE_SECONDS)
        clock.advance(1)
        assert (held(budget, scope), held(budget, other)) == ((0, 90), (1, 0))

    def test_released_ticket_stays_charged_for_its_open_draw(self, budget: Budget) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=60))
        drawn(budget.draw("t", "d", scope, Amounts(tokens=25)))
        budget.release("t", [scope])
        assert (held(budget, scope), used(budget, scope)) == ((0, 0), [25])
        assert budget.settle("t", "d", scope, Amounts(tokens=1)).outcome == "repeated"
        assert used(budget, scope) == [25]

    def test_expired_lease_returns_undrawn_amounts(self, budget: Budget, clock: ManualClock) -> None:
        scope = Scope("model", (Window("requests", 10, 3600), Window("tokens", 100, 3600)))
        granted(hold(budget, "t", scope, requests=5, tokens=60))
        drawn(budget.draw("t", "d", scope, Amounts(1, 25)))
        clock.advance(LEASE_MS - 1)
        assert (held(budget, scope), used(budget, scope)) == ((4, 60), [1, 0])
        clock.advance(1)
        assert (held(budget, scope), used(budget, scope)) == ((0, 0), [1, 25])
        assert budget.usage(scope).tickets == 0

    def test_expired_lease_makes_room_for_the_next_ticket(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=100))
        assert 0 < wait_of(hold(budget, "next", scope, tokens=100)) <= LEASE_MS
        clock.advance(LEASE_MS)
        granted(hold(budget, "next", scope, tokens=100))

    def test_many_leases_expire_at_once(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        for number in range(55):
            granted(hold(budget, f"t{number}", scope, tokens=1))
        assert budget.usage(scope).tickets == 55
        clock.advance(LEASE_MS)
        assert (budget.usage(scope).tickets, held(budget, scope)) == (0, (0, 0))

    def test_renewing_keeps_the_ticket(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        granted(hold(budget, "t", scope, tokens=60))
        clock.advance(LEASE_MS - 1)
        assert budget.renew("t", [scope], LEASE_SECONDS) is True
        clock.advance(LEASE_MS - 1)
        assert held(budget, scope) == (0, 60)
        clock.advance(1)
        assert held(budget, scope) == (0, 0)

    def test_missing_ticket_is_not_renewed(self, budget: Budget, clock: ManualClock) -> None:
        scope = tokens_per_minute(100)
        assert budget.renew("t", [scope], LEASE_SECONDS) is False
        granted(hold(budget, "t", scope, tokens=60))
        clock.advance(LEASE_MS)
        assert budget.renew("t", [scope], LEASE_SECONDS) is False
        assert held(budget, scope) == (0, 0)

    def test_ticket_crosses_the_wire_as_json(self, budget: Budget) -> None:
        scope = Scope("model", (Window("tokens", 100, 60), Window("requests", 9, 86400, "fixed")), guard_ms=7)
        ticket = granted(hold(budget, "t", scope, requests=1, tokens=60))
        arrived = Ticket.from_json(json.loads(json.dumps(ticket.to_json())))
        assert arrived == ticket
        budget.release(arrived.id, [share.scope for share in arrived.shares])
        assert budget.usage(scope).tickets == 0

    def test_unknown_scope_is_unused(self, budget: Budget) -> None:
        usage = budget.usage(tokens_per_minute(100))
        assert (usage.tickets, usage.holders, usage.held, usage.blocked_for_ms) == (0, (), Amounts(), 0)
        assert [(w.used, w.held, w.resets_after_ms, w.remaining) for w in usage.windows] == [(0, 0, 0, 100)]
