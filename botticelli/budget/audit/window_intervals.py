"""Adds up charges in the intervals of a window, for each kind of window. Judges nothing."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from botticelli.budget.interface import Window
from botticelli.budget.memory.memory_windows import span_end


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge. `excess` is the part of `amount` beyond the estimate, which was not granted.

    `ends_ms` is for slots: the time when they were returned; None: not yet.
    """

    at_ms: int
    amount: int
    excess: int
    limit: int
    ends_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval of a window from its first to its last charge, both included, with the limit in force."""

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
        """Return the used part of the limit; above 1.0 the limit was exceeded."""
        return self.amount / self.limit if self.limit else float(self.amount)


def intervals(window: Window, guard_ms: int, charges: Sequence[Charge]) -> Iterator[Interval]:
    """Yield every interval that may be the worst. `charges` are in order of time.

    When limits changed within an interval, the largest one counts.
    """
    if window.metric == "concurrency":
        return _slots(charges)
    if window.kind == "sliding":
        return _sliding(charges, window.period_ms)
    if window.kind == "bucket":
        return _bucket(charges, window.period_ms)
    return _spans(charges, window, guard_ms)


def _sliding(charges: Sequence[Charge], period_ms: int) -> Iterator[Interval]:
    """Yield the interval that ends at each charge."""
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


def _spans(charges: Sequence[Charge], window: Window, guard_ms: int) -> Iterator[Interval]:
    """Yield an interval for each period of the kinds `fixed`, `calendar` and `month`; the guard is part of it."""
    span: Interval | None = None
    ends_ms = 0
    for charge in charges:
        if span is not None and charge.at_ms < ends_ms:
            amount, excess = span.amount + charge.amount, span.excess + charge.excess
            span = Interval(span.from_ms, charge.at_ms, amount, excess, max(span.limit, charge.limit))
            continue
        if span is not None:
            yield span
        span = Interval(charge.at_ms, charge.at_ms, charge.amount, charge.excess, charge.limit)
        ends_ms = span_end(window, guard_ms, charge.at_ms)
    if span is not None:
        yield span


def _bucket(charges: Sequence[Charge], period_ms: int) -> Iterator[Interval]:
    """Yield the level at each charge since the bucket was last full.

    Levels are computed in amounts times `period_ms`, so that they are whole numbers, and yielded rounded down. Here the
    refill begins with the first charge; the Budget starts it a guard later and is a bit stricter.
    """
    level = granted = since_ms = at_ms = limit = 0
    for charge in charges:
        come_back = (charge.at_ms - at_ms) * max(limit, charge.limit)
        level, granted, at_ms = max(0, level - come_back), max(0, granted - come_back), charge.at_ms
        if level == 0:
            since_ms, limit = charge.at_ms, 0
        limit = max(limit, charge.limit)
        level += charge.amount * period_ms
        granted += (charge.amount - charge.excess) * period_ms
        amount = level // period_ms
        yield Interval(since_ms, charge.at_ms, amount, amount - granted // period_ms, limit)


def _slots(calls: Sequence[Charge]) -> Iterator[Interval]:
    """Yield the number of calls in flight when each call begins. A returned slot is free at that moment."""
    in_flight: list[tuple[float, int, Charge]] = []
    ends = [float("inf") if call.ends_ms is None else call.ends_ms for call in calls]
    amount = excess = 0
    for number in sorted(range(len(calls)), key=lambda n: (calls[n].at_ms, ends[n])):
        call = calls[number]
        while in_flight and in_flight[0][0] <= call.at_ms:
            gone = heapq.heappop(in_flight)[2]
            amount, excess = amount - gone.amount, excess - gone.excess
        heapq.heappush(in_flight, (ends[number], number, call))
        amount, excess = amount + call.amount, excess + call.excess
        from_ms = min(item.at_ms for _, _, item in in_flight)
        yield Interval(from_ms, call.at_ms, amount, excess, max(item.limit for _, _, item in in_flight))
