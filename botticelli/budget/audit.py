"""Re-derives every window from what was spent, and finds the intervals that passed their limit. Reads no ledger.

Counts as the Budget does: a request when it was drawn, tokens when they were settled. `sliding`: any interval of the
period. `fixed`: from the first charge on, for a period and its guard, then anew with the next charge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from botticelli.budget.model import Scope, Window


@dataclass(frozen=True, slots=True)
class Spent:
    """One provider request, in all scopes that it spent from, with the limits under which it was granted.

    `settled_at_ms` is None while it is in flight: its tokens aren't charged yet.
    """

    scopes: tuple[Scope, ...]
    drawn_at_ms: int
    settled_at_ms: int | None
    tokens: int
    estimated_tokens: int


@dataclass(frozen=True, slots=True)
class Charge:
    """`excess` is the part of `amount` that was used beyond the estimate: nobody granted it, later grants pay it back."""

    at_ms: int
    amount: int
    excess: int
    limit: int


@dataclass(frozen=True, slots=True)
class Interval:
    """What was charged from the first to the last charge of one interval, both included, and the limit in force."""

    from_ms: int
    to_ms: int
    amount: int
    excess: int
    limit: int

    @property
    def granted(self) -> int:
        return self.amount - self.excess

    @property
    def ratio(self) -> float:
        """1.0 is a window that was used to its end; above it, the limit was passed."""
        return self.amount / self.limit if self.limit else float(self.amount)


@dataclass(frozen=True, slots=True)
class Finding:
    """One window of one scope. `violations`: more was granted than the limit. `excesses`: passed only by calls that
    used more than their estimate, which the next grants pay back."""

    scope: str
    window: str
    charges: int
    worst: Interval
    violations: tuple[Interval, ...]
    excesses: tuple[Interval, ...]


def audit(spent: Iterable[Spent]) -> list[Finding]:
    """A finding for each window that anything was charged in, by scope and window."""
    charged: dict[tuple[str, str], tuple[Window, int, list[Charge]]] = {}
    for one in spent:
        for scope in one.scopes:
            for window in scope.windows:
                charge = _charge(one, window)
                if charge is not None and charge.amount > 0:
                    key = (scope.name, window.name)
                    charged.setdefault(key, (window, scope.guard_ms, []))[2].append(charge)
    return [_finding(scope, *charged[scope, window]) for scope, window in sorted(charged)]


def _charge(one: Spent, window: Window) -> Charge | None:
    if window.metric == "requests":
        return Charge(one.drawn_at_ms, 1, 0, window.limit)
    if one.settled_at_ms is None:
        return None
    return Charge(one.settled_at_ms, one.tokens, max(0, one.tokens - one.estimated_tokens), window.limit)


def _finding(scope: str, window: Window, guard_ms: int, charges: list[Charge]) -> Finding:
    charges.sort(key=lambda charge: charge.at_ms)
    found = (
        _fixed(charges, window.period_ms + guard_ms) if window.kind == "fixed" else _sliding(charges, window.period_ms)
    )
    intervals = list(found)
    return Finding(
        scope,
        window.name,
        len(charges),
        max(intervals, key=lambda interval: interval.ratio),
        tuple(_apart(one for one in intervals if one.granted > one.limit)),
        tuple(_apart(one for one in intervals if one.amount > one.limit >= one.granted)),
    )


def _sliding(charges: list[Charge], period_ms: int) -> Iterator[Interval]:
    """The interval that ends at each charge. Limits may have changed within it: the largest one counts."""
    inside: deque[Charge] = deque()
    limits: deque[Charge] = deque()  # falling: the first one is the largest inside
    amount = excess = 0
    for charge in charges:
        inside.append(charge)
        amount, excess = amount + charge.amount, excess + charge.excess
        while limits and limits[-1].limit <= charge.limit:
            limits.pop()
        limits.append(charge)
        while inside[0].at_ms <= charge.at_ms - period_ms:
            left = inside.popleft()
            amount, excess = amount - left.amount, excess - left.excess
            if limits[0] is left:
                limits.popleft()
        yield Interval(inside[0].at_ms, charge.at_ms, amount, excess, limits[0].limit)


def _fixed(charges: list[Charge], span_ms: int) -> Iterator[Interval]:
    """One interval for each window."""
    window: Interval | None = None
    for charge in charges:
        if window is not None and charge.at_ms < window.from_ms + span_ms:
            limit = max(window.limit, charge.limit)
            amount, excess = window.amount + charge.amount, window.excess + charge.excess
            window = Interval(window.from_ms, charge.at_ms, amount, excess, limit)
            continue
        if window is not None:
            yield window
        window = Interval(charge.at_ms, charge.at_ms, charge.amount, charge.excess, charge.limit)
    if window is not None:
        yield window


def _apart(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """Of intervals that overlap, the worst one."""
    worst: Interval | None = None
    reaches_ms = 0
    for interval in intervals:
        if worst is None or interval.from_ms > reaches_ms:
            if worst is not None:
                yield worst
            worst = interval
        elif interval.ratio > worst.ratio:
            worst = interval
        reaches_ms = interval.to_ms
    if worst is not None:
        yield worst
