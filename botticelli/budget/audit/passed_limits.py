"""Recomputes every window from past requests, and finds the intervals that exceeded their limit. Reads no ledger.

Counts like the Budget: each metric at the time in `CHARGED_AT`, amounts beyond the estimate at the settle, and slots
while their calls are in flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from botticelli.budget.audit.window_intervals import Charge, Interval, intervals
from botticelli.budget.interface import CHARGED_AT, Amounts, Scope, Window


@dataclass(frozen=True, slots=True)
class Spent:
    """One provider request, and the scopes it spent from with the limits at the time of its grant.

    `actual` equals the estimate when the usage is unknown. `settled_at_ms` is None while the request is in flight.
    """

    scopes: tuple[Scope, ...]
    drawn_at_ms: int
    settled_at_ms: int | None
    actual: Amounts
    estimated: Amounts


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one window of one scope.

    `violations` are intervals with more granted than the limit. `excesses` are intervals that exceed it only because
    calls used more than their estimate; the next grants make up for that.
    """

    scope: str
    window: str
    charges: int
    worst: Interval
    violations: tuple[Interval, ...]
    excesses: tuple[Interval, ...]


def audit(spent: Iterable[Spent]) -> list[Finding]:
    """Return a finding for each window with charges, sorted by scope and window."""
    charged: dict[tuple[str, str], tuple[Window, int, list[Charge]]] = {}
    for item in spent:
        for scope in item.scopes:
            for window in scope.windows:
                for charge in _charges(item, window):
                    key = (scope.name, window.name)
                    charged.setdefault(key, (window, scope.guard_ms, []))[2].append(charge)
    return [_finding(scope, *charged[scope, window]) for scope, window in sorted(charged)]


def _charges(spent: Spent, window: Window) -> Iterator[Charge]:
    """Yield the charges of a request in a window. A draw that was returned in full still began its window: amount 0."""
    amount, estimated = spent.actual.of(window.metric), spent.estimated.of(window.metric)
    excess, settled_at_ms = max(0, amount - estimated), spent.settled_at_ms
    match CHARGED_AT[window.metric]:
        case "draw":
            if estimated:
                yield Charge(spent.drawn_at_ms, amount - excess, 0, window.limit)
            if excess and settled_at_ms is not None:
                yield Charge(settled_at_ms, excess, excess, window.limit)
        case "settle":
            if amount and settled_at_ms is not None:
                yield Charge(settled_at_ms, amount, excess, window.limit)
        case "never":
            if amount:
                yield Charge(spent.drawn_at_ms, amount, excess, window.limit, settled_at_ms)


def _finding(scope: str, window: Window, guard_ms: int, charges: list[Charge]) -> Finding:
    spans = list(intervals(window, guard_ms, sorted(charges, key=lambda charge: charge.at_ms)))
    return Finding(
        scope,
        window.name,
        len(charges),
        max(spans, key=lambda interval: interval.ratio),
        tuple(_apart(span for span in spans if span.granted > span.limit)),
        tuple(_apart(span for span in spans if span.amount > span.limit >= span.granted)),
    )


def _apart(spans: Iterable[Interval]) -> Iterator[Interval]:
    """Keep the worst of the intervals that overlap."""
    worst: Interval | None = None
    reaches_ms = 0
    for interval in spans:
        if worst is None or interval.from_ms > reaches_ms:
            if worst is not None:
                yield worst
            worst = interval
        elif interval.ratio > worst.ratio:
            worst = interval
        reaches_ms = interval.to_ms
    if worst is not None:
        yield worst
