"""The audit: it finds what passed a limit, tells paid-back excess from it, and clears whatever the Budget granted."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.budget import Amounts, Draw, MemoryBudget, Scope, Share, Ticket, Window
from botticelli.budget.audit.passed_limits import Finding, Spent, audit
from botticelli.budget.audit.window_intervals import Interval
from botticelli.budget.days import midnights
from botticelli.budget.interface import CHARGED_AT, METRICS, Metric
from botticelli.monitoring.budgets.ledger_audit import spent_by
from botticelli.store import SpentRow
from botticelli.testing.budget_cases.clock import ManualClock

TOKENS = Window("tokens", 100, 10)
REQUESTS = Window("requests", 2, 10)


def spent(at_s: float, tokens: int = 10, *windows: Window, estimate: int | None = None, settled: bool = True) -> Spent:
    """Drawn a second before it was settled."""
    scope = Scope("s", windows or (TOKENS,), 0)
    at_ms = round(at_s * 1000)
    estimated = tokens if estimate is None else estimate
    return Spent((scope,), at_ms - 1000, at_ms if settled else None, Amounts(1, tokens), Amounts(1, estimated))


def used(window: Window, drawn_s: float, settled_s: float | None, amount: int, estimate: int | None = None) -> Spent:
    """One call that used this amount of the window's own metric."""
    actual, estimated = (
        Amounts(**{window.metric: many}) for many in (amount, amount if estimate is None else estimate)
    )
    settled_at_ms = None if settled_s is None else round(settled_s * 1000)
    return Spent((Scope("s", (window,), 0),), round(drawn_s * 1000), settled_at_ms, actual, estimated)


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


def test_usage_beyond_the_estimate_is_no_violation() -> None:
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
    passed = audit([Spent(both, 0, 10, Amounts(1, 5), Amounts(1, 5))])
    assert [(passage.scope, passage.window) for passage in passed] == [
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


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["sliding", "fixed", "calendar", "bucket"])
def test_every_kind_of_every_metric_is_filled_in_peace_and_passed_by_one(metric: Metric, kind: str) -> None:
    window = daily(metric, 100) if kind == "calendar" else Window(metric, 100, 10, kind)  # type: ignore[arg-type]
    filled = [used(window, 3601, 3605, 60), used(window, 3601, 3605, 40)]
    assert only(*filled).worst.amount == 100
    assert (only(*filled).violations, only(*filled).excesses) == ((), ())
    [violation] = only(*filled, used(window, 3601, 3605, 1)).violations
    assert (violation.amount, violation.excess, violation.limit) == (101, 0, 100)
    charged_s = 3605 if CHARGED_AT[metric] == "settle" else 3601
    assert (violation.from_ms, violation.to_ms) == (charged_s * 1000, charged_s * 1000)
    beyond = only(*filled, used(window, 3601, 3601 if CHARGED_AT[metric] == "draw" else 3605, 1, 0))
    assert (beyond.violations, len(beyond.excesses)) == ((), 1)


@pytest.mark.parametrize("metric", METRICS)
def test_in_flight_only_that_counts_which_is_charged_at_the_draw_or_is_a_slot(metric: Metric) -> None:
    passed = audit([used(Window(metric, 100, 10), 1, None, 101)])
    assert [bool(finding.violations) for finding in passed] == ([] if CHARGED_AT[metric] == "settle" else [True])


def test_input_beyond_the_estimate_is_charged_at_the_settle() -> None:
    window = Window("input_tokens", 100, 10)
    assert only(used(window, 1, 12, 130, 90), used(window, 2, 3, 10)).excesses == ()
    assert only(used(window, 1, 12, 199, 90), used(window, 4, 5, 10)).worst == Interval(4000, 12_000, 119, 109, 100)


def test_returned_tokens_have_begun_their_window() -> None:
    window = Window("input_tokens", 100, 10, "fixed")
    rows = used(window, 1, 2, 0, 50), used(window, 9, 10, 100), used(window, 11, 12, 100)
    assert only(*rows).violations == ()
    assert only(*rows[1:]).violations == (Interval(9000, 11_000, 200, 0, 100),)


def test_a_day_is_one_of_its_zone_and_as_long_as_it_is() -> None:
    """The 29th of March 2026 has 23 hours in Rome: from 23:00 to 22:00 in UTC."""
    midnight_s = 1_774_738_800
    day = range(midnight_s, midnight_s + 23 * 3600 + 1, 23 * 3600)
    rows = [used(daily("requests", 10), at_s, at_s, 10) for at_s in (midnight_s - 1, *day)]
    assert only(*rows).violations == ()
    last_s = day[-1] - 1
    assert only(*rows, used(daily("requests", 10), last_s, last_s, 1)).violations == (
        Interval(midnight_s * 1000, last_s * 1000, 11, 0, 10),
    )


def test_a_guard_belongs_to_the_day_before() -> None:
    scope = Scope("s", (daily("requests", 10),), 25)
    after_midnight_ms = 1_774_738_800_000
    ten = Amounts(requests=10)
    rows = [Spent((scope,), after_midnight_ms + ms, after_midnight_ms + ms, ten, ten) for ms in (-1000, 25)]
    assert only(*rows).violations == ()
    early = Spent((scope,), after_midnight_ms + 24, after_midnight_ms + 24, Amounts(1), Amounts(1))
    yesterday = Interval(after_midnight_ms - 1000, after_midnight_ms + 24, 11, 0, 10)
    assert only(*rows, early).violations == (yesterday,)


def test_a_bucket_gets_back_its_limit_in_a_period_and_never_more() -> None:
    window = Window("requests", 10, 10, "bucket")
    steady = [used(window, 1, 2, 10), *(used(window, second, second + 1, 1) for second in range(2, 30))]
    assert (only(*steady).violations, only(*steady).worst.ratio) == ((), 1.0)
    assert only(*steady, used(window, 20, 21, 1)).violations
    after_long_rest = used(window, 1, 2, 10), used(window, 1000, 1001, 10)
    assert only(*after_long_rest).violations == ()
    assert only(*after_long_rest, used(window, 1000, 1001, 1)).violations == (
        Interval(1_000_000, 1_000_000, 11, 0, 10),
    )


def test_a_bucket_that_was_overdrawn_is_paid_back_by_time() -> None:
    window = Window("tokens", 10, 10, "bucket")
    finding = only(used(window, 0, 1, 15, 10), used(window, 7, 7, 1))
    assert (finding.violations, finding.excesses) == ((), (Interval(1000, 1000, 15, 5, 10),))
    assert only(used(window, 0, 1, 15, 10), used(window, 2, 2, 2)).violations


def test_slots_count_while_their_calls_are_in_flight() -> None:
    two = Window("concurrency", 2, 60)
    turns = [used(two, 1, 5, 1), used(two, 2, 3, 1), used(two, 3, 3, 1), used(two, 3, 8, 1), used(two, 5, 9, 1)]
    assert (only(*turns).worst.amount, only(*turns).violations) == (2, ())
    assert only(*turns, used(two, 4, 4.5, 1)).violations == (Interval(1000, 4000, 3, 0, 2),)
    assert only(*turns, used(two, 0, None, 1)).violations == (Interval(0, 2000, 3, 0, 2),)


@pytest.mark.parametrize(
    ("outcome", "actual"),
    [
        ("settled", Amounts(1, 100, 50, 20, 1235, 1)),
        ("refused", Amounts(1, concurrency=1)),
        ("unknown", Amounts(1, 90, 60, 30)),
        ("drawn", Amounts(1, 90, 60, 30)),
    ],
)
def test_a_row_of_the_ledger_counts_for_each_of_its_scopes(outcome: str, actual: Amounts) -> None:
    named, usual = Scope("named", (TOKENS,)), Scope("own", (REQUESTS,))
    estimated = Amounts(1, 90, 60, 30)
    shares = Ticket("t", (Share(named, estimated),), 0).to_json()["shares"]
    at, settled_at = datetime(2026, 1, 2, tzinfo=UTC), None if outcome == "drawn" else datetime(2026, 1, 3, tzinfo=UTC)
    counted = (80, 30, 20, Decimal("0.001235")) if outcome == "settled" else (None, None, None, None)
    row = SpentRow("d", "r", 1, "act", "own", shares, outcome, 70, *counted, at, settled_at)
    unlimited: set[str] = set()
    first, second = spent_by([row], {"own": usual}, unlimited)
    assert (first.scopes, first.actual, first.estimated) == ((named,), actual, estimated)
    assert (second.scopes, second.estimated) == ((usual,), Amounts(1, 70, concurrency=1))
    assert first.settled_at_ms == (settled_at and settled_at.timestamp() * 1000)
    [_, _] = spent_by([row], {}, unlimited)
    assert unlimited == {"own"}


WINDOWS = (
    Window("requests", 6, 10),
    Window("requests", 8, 20, "fixed"),
    Window("requests", 70, 86_400, "calendar", "Europe/Rome"),
    Window("requests", 8, 16, "bucket"),
    TOKENS,
    Window("tokens", 150, 15, "fixed"),
    Window("tokens", 1500, 86_400, "calendar", "America/Los_Angeles"),
    Window("tokens", 120, 10, "bucket"),
    Window("input_tokens", 60, 10),
    Window("input_tokens", 70, 11, "fixed"),
    Window("input_tokens", 700, 86_400, "calendar", "Asia/Kolkata"),
    Window("input_tokens", 60, 8, "bucket"),
    Window("output_tokens", 60, 10),
    Window("output_tokens", 70, 10, "bucket"),
    Window("cost_microusd", 5000, 30),
    Window("cost_microusd", 5000, 17, "bucket"),
    Window("cost_microusd", 60_000, 2_678_400, "month", "America/Los_Angeles"),
    Window("concurrency", 3, 60),
)
"""Windows of each kind, for each moment of charging, with limits that all refuse now and then."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("guard_ms", [0, 400])
def test_whatever_the_budget_grants_is_cleared(seed: int, guard_ms: int) -> None:
    """Excess demand, on all windows at once."""
    findings = audit(excess_demand(Scope("s", WINDOWS, guard_ms), random.Random(seed)))
    assert len(findings) == len(WINDOWS)
    assert [finding for finding in findings if finding.violations] == []


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_cleared_usage_fills_the_window(window: Window) -> None:
    [finding] = audit(excess_demand(Scope("s", (window,)), random.Random(4)))
    assert finding.violations == ()
    assert finding.worst.ratio > 0.85


def excess_demand(scope: Scope, chance: random.Random) -> list[Spent]:
    """Generate calls that deviate from their tickets and estimates.

    Some calls are larger than their tickets, or go beyond their estimates, or stay below them; some are never settled.
    Time now and then leaps, for hours or to the next midnight of a zone.
    """
    clock = ManualClock()
    budget = MemoryBudget(clock)
    in_flight: list[tuple[str, Draw]] = []
    rows = []
    for number in range(1500):
        clock.advance(leap(clock.ms, chance) if chance.random() < 0.01 else chance.randrange(300))
        ticket, amounts = str(number), some(chance, 1)
        budget.reserve(ticket, [Share(scope, amounts)], 1e7)
        drawn = budget.draw(ticket, ticket, scope, amounts + chance.choice((Amounts(), Amounts(), Amounts(0, 5, 2, 3))))
        if isinstance(drawn, Draw):
            in_flight.append((ticket, drawn))
        else:
            budget.release(ticket, [scope])
        if in_flight and chance.random() < 0.5:
            ticket, drawn = in_flight.pop(chance.randrange(len(in_flight)))
            actual = chance.choice((drawn.amounts, drawn.amounts, some(chance, drawn.amounts.concurrency)))
            settled_at_ms = budget.settle(ticket, ticket, scope, actual).settled_at_ms
            budget.release(ticket, [scope])
            rows.append(Spent((scope,), drawn.drawn_at_ms, settled_at_ms, actual, drawn.amounts))
    return rows + [Spent((scope,), spent.drawn_at_ms, None, spent.amounts, spent.amounts) for _, spent in in_flight]


def leap(now_ms: int, chance: random.Random) -> int:
    """In milliseconds."""
    zone = chance.choice([window.zone for window in WINDOWS if window.zone])
    to_midnight_ms = min(at_ms for at_ms in midnights(zone, now_ms) if at_ms > now_ms) - now_ms
    return chance.choice((chance.randrange(6 * 3_600_000), max(0, to_midnight_ms - chance.randrange(200))))


def some(chance: random.Random, slots: int) -> Amounts:
    """Sometimes no input: what was given back whole."""
    read, written = chance.choice((0, chance.randrange(1, 20))), chance.randrange(1, 20)
    return Amounts(1, read + written, read, written, chance.randrange(1000), slots)


def daily(metric: Metric, limit: int) -> Window:
    return Window(metric, limit, 86_400, "calendar", "Europe/Rome")
