"""The audit: it finds what passed a limit, tells paid-back excess from it, and clears whatever the Budget granted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.budget import Amounts, Draw, MemoryBudget, Scope, Share, Window
from botticelli.budget.audit import Finding, Interval, Spent, audit
from botticelli.testing.clock import ManualClock

TOKENS = Window("tokens", 100, 10)
REQUESTS = Window("requests", 2, 10)


def spent(at_s: float, tokens: int = 10, *windows: Window, estimate: int | None = None, settled: bool = True) -> Spent:
    """Drawn a second before it was settled."""
    scope = Scope("s", windows or (TOKENS,), 0)
    at_ms = round(at_s * 1000)
    estimated = tokens if estimate is None else estimate
    return Spent((scope,), at_ms - 1000, at_ms if settled else None, tokens, estimated)


def only(*rows: Spent) -> Finding:
    [finding] = audit(rows)
    return finding


def test_any_interval_of_the_period_counts() -> None:
    finding = only(spent(1, 60), spent(9, 40), spent(11, 60), spent(19, 40))
    assert finding.worst == Interval(1000, 9000, 100, 0, 100)
    assert (finding.violations, finding.excesses) == ((), ())


def test_an_interval_above_the_limit_is_found_wherever_it_lies() -> None:
    finding = only(spent(1, 60), spent(9, 40), spent(10.999, 1), spent(40, 100), spent(49.999, 30))
    assert finding.violations == (Interval(1000, 10_999, 101, 0, 100), Interval(40_000, 49_999, 130, 0, 100))
    assert finding.worst.ratio == 1.3


def test_a_limit_of_nothing_is_passed_by_anything() -> None:
    assert only(spent(1, 1, Window("tokens", 0, 10))).violations


def test_requests_count_when_drawn_and_tokens_when_settled() -> None:
    rows = [spent(1, 0, REQUESTS), spent(10.5, 0, REQUESTS), spent(10.9, 0, REQUESTS, settled=False)]
    assert only(*rows).violations == (Interval(0, 9900, 3, 0, 2),)
    assert audit([spent(1, 900, settled=False)]) == []


def test_what_calls_used_beyond_their_estimate_is_no_violation() -> None:
    finding = only(spent(1, 90, estimate=50), spent(2, 50, estimate=50))
    assert finding.violations == ()
    assert finding.excesses == (Interval(1000, 2000, 140, 40, 100),)
    assert only(spent(1, 90, estimate=50), spent(2, 51, estimate=51)).violations


def test_a_fixed_window_begins_with_its_first_charge_and_lasts_its_period_and_guard() -> None:
    fixed = Window("tokens", 100, 10, "fixed")
    assert only(spent(1, 10, fixed), spent(10, 90, fixed), spent(11, 100, fixed)).violations == ()
    assert only(spent(1, 10, fixed), spent(10.999, 91, fixed)).violations == (Interval(1000, 10_999, 101, 0, 100),)


def test_where_limits_changed_the_largest_of_an_interval_counts() -> None:
    low = Window("tokens", 50, 10)
    assert only(spent(1, 90), spent(2, 10, low)).violations == ()
    assert only(spent(1, 90), spent(12, 51, low)).violations == (Interval(12_000, 12_000, 51, 0, 50),)


def test_each_scope_and_window_has_its_own_finding() -> None:
    both = Scope("a", (REQUESTS, TOKENS), 0), Scope("b", (TOKENS,), 0)
    found = audit([Spent(both, 0, 10, 5, 5)])
    assert [(one.scope, one.window) for one in found] == [
        ("a", "requests/10s"),
        ("a", "tokens/10s"),
        ("b", "tokens/10s"),
    ]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=40))
def test_the_worst_interval_is_what_a_naive_count_finds(charges: list[tuple[int, int]]) -> None:
    ends = [at for at, _ in charges]
    naive = max(sum(amount for at, amount in charges if end - 10 < at <= end) for end in ends)
    finding = only(*(spent(at, amount) for at, amount in charges))
    assert finding.worst.amount == naive
    assert bool(finding.violations) == (naive > 100)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("guard_ms", [0, 25])
def test_whatever_the_budget_grants_is_cleared(seed: int, guard_ms: int) -> None:
    """Excess demand. Some calls are larger than their tickets, or go beyond their estimates; some are never settled."""
    chance = random.Random(seed)
    windows = (
        Window("requests", 6, 10),
        TOKENS,
        Window("tokens", 150, 15, "fixed"),
        Window("requests", 8, 20, "fixed"),
    )
    scope = Scope("s", windows, guard_ms)
    clock = ManualClock()
    budget = MemoryBudget(clock)
    in_flight: list[tuple[str, Draw]] = []
    rows = []
    for number in range(2000):
        clock.advance(chance.randrange(300))
        ticket, tokens = str(number), chance.randrange(1, 40)
        budget.reserve(ticket, [Share(scope, Amounts(1, tokens))], 1e6)
        drawn = budget.draw(ticket, ticket, scope, Amounts(1, tokens + chance.choice((0, 0, 5))))
        if isinstance(drawn, Draw):
            in_flight.append((ticket, drawn))
        else:
            budget.release(ticket, [scope])
        if in_flight and chance.random() < 0.5:
            ticket, drawn = in_flight.pop(chance.randrange(len(in_flight)))
            used = drawn.amounts.tokens + chance.choice((-1, 0, 0, 0, 3))
            settled_at_ms = budget.settle(ticket, ticket, scope, Amounts(1, used)).settled_at_ms
            rows.append(Spent((scope,), drawn.drawn_at_ms, settled_at_ms, used, drawn.amounts.tokens))
    rows += [Spent((scope,), one.drawn_at_ms, None, 0, one.amounts.tokens) for _, one in in_flight]
    findings = audit(rows)
    assert [finding for finding in findings if finding.violations] == []
    assert all(finding.worst.ratio > 0.85 for finding in findings)
