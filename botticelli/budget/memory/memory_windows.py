"""Implements the window kinds, by the rules of `lua/lib_sliding.lua`, `lib_spans.lua` and `lib_bucket.lua`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from botticelli.budget.interface import Window, WindowKind

BUCKETS_PER_PERIOD, HELD_WAITS_PER_PERIOD = 240, 60
HELD_WAIT_MIN_MS, HELD_WAIT_MAX_MS = 50, 1000


class WindowState(Protocol):
    """The charges of one window. Each call passes the limits and the time, which never goes back."""

    def expire(self, window: Window, guard_ms: int, now: int) -> None:
        """Remove charges that have left the window."""

    def charge(self, window: Window, guard_ms: int, now: int, amount: int) -> int:
        """Charge now. Returns the mark by which `correct` finds this charge."""

    def correct(self, window: Window, now: int, mark: int, amount: int) -> None:
        """Return `amount` of the charge with this mark, unless it has already left the window."""

    def used(self, window: Window, now: int) -> int:
        """Return the amount that is charged now."""

    def used_at(self, window: Window, guard_ms: int, at_ms: int) -> int:
        """Return the part of the present charges that will still count at a later time."""

    def room_at(self, window: Window, guard_ms: int, now: int, excess: int) -> int:
        """Return when `excess` of the present charges will have left."""

    def resets_at(self, window: Window) -> int:
        """Return when the oldest charge leaves, the period ends, or the bucket is full again."""


@dataclass(slots=True)
class Bucket:
    amount: int
    last_ms: int


@dataclass(slots=True)
class SlidingState:
    total: int = 0
    leaves_ms: int = 0
    buckets: dict[int, Bucket] = field(default_factory=dict)

    def expire(self, window: Window, guard_ms: int, now: int) -> None:
        span_ms = window.period_ms + guard_ms
        if self.leaves_ms == 0 or now < self.leaves_ms:
            return
        while self.buckets:
            number, oldest = next(iter(self.buckets.items()))
            if oldest.last_ms + span_ms > now:
                self.leaves_ms = oldest.last_ms + span_ms
                return
            self.total -= self.buckets.pop(number).amount
        self.total = self.leaves_ms = 0

    def charge(self, window: Window, guard_ms: int, now: int, amount: int) -> int:
        number = now // width_ms(window)
        bucket = self.buckets.setdefault(number, Bucket(0, now))
        bucket.amount, bucket.last_ms, self.total = bucket.amount + amount, now, self.total + amount
        if len(self.buckets) == 1:
            self.leaves_ms = now + window.period_ms + guard_ms
        return number

    def correct(self, window: Window, now: int, mark: int, amount: int) -> None:
        if mark in self.buckets:
            self.buckets[mark].amount -= amount
            self.total -= amount

    def used(self, window: Window, now: int) -> int:
        return self.total

    def used_at(self, window: Window, guard_ms: int, at_ms: int) -> int:
        rest = self.total
        for bucket in self.buckets.values():
            if bucket.last_ms + window.period_ms + guard_ms > at_ms:
                break
            rest -= bucket.amount
        return rest

    def room_at(self, window: Window, guard_ms: int, now: int, excess: int) -> int:
        leaves_ms = self.leaves_ms
        for bucket in self.buckets.values():
            excess, leaves_ms = excess - bucket.amount, bucket.last_ms + window.period_ms + guard_ms
            if excess <= 0:
                break
        return leaves_ms

    def resets_at(self, window: Window) -> int:
        return self.leaves_ms


@dataclass(slots=True)
class SpanState:
    """The kinds `fixed`, `calendar` and `month`: one total until the period ends."""

    total: int = 0
    leaves_ms: int = 0

    def expire(self, window: Window, guard_ms: int, now: int) -> None:
        if now >= self.leaves_ms:
            self.total = self.leaves_ms = 0

    def charge(self, window: Window, guard_ms: int, now: int, amount: int) -> int:
        self.leaves_ms = self.leaves_ms or span_end(window, guard_ms, now)
        self.total += amount
        return self.leaves_ms

    def correct(self, window: Window, now: int, mark: int, amount: int) -> None:
        self.total -= amount if self.leaves_ms == mark else 0

    def used(self, window: Window, now: int) -> int:
        return self.total

    def used_at(self, window: Window, guard_ms: int, at_ms: int) -> int:
        return self.total if at_ms < self.leaves_ms else 0

    def room_at(self, window: Window, guard_ms: int, now: int, excess: int) -> int:
        return self.leaves_ms

    def resets_at(self, window: Window) -> int:
        return self.leaves_ms


@dataclass(slots=True)
class BucketState:
    total: int = 0
    since_ms: int = 0

    def expire(self, window: Window, guard_ms: int, now: int) -> None:
        if self.total == 0:
            return
        periods = max(0, (now - self.since_ms) // window.period_ms)
        self.total -= periods * window.limit
        self.since_ms += periods * window.period_ms
        if self.total * window.period_ms <= max(0, now - self.since_ms) * window.limit:
            self.total = 0

    def charge(self, window: Window, guard_ms: int, now: int, amount: int) -> int:
        if self.total == 0:
            self.since_ms = now + guard_ms
        self.total += amount
        return now

    def correct(self, window: Window, now: int, mark: int, amount: int) -> None:
        come_back = -(-(now - mark) * window.limit // window.period_ms)
        self.total -= max(0, min(amount - come_back, self.used(window, now)))

    def used(self, window: Window, now: int) -> int:
        return self.total and self.total - max(0, now - self.since_ms) * window.limit // window.period_ms

    def used_at(self, window: Window, guard_ms: int, at_ms: int) -> int:
        return max(0, self.total - max(0, at_ms - self.since_ms) * window.limit // window.period_ms)

    def room_at(self, window: Window, guard_ms: int, now: int, excess: int) -> int:
        return self.since_ms + refill_ms(window, self.total - self.used(window, now) + excess)

    def resets_at(self, window: Window) -> int:
        return self.since_ms + refill_ms(window, self.total) if self.total else 0


KINDS: dict[WindowKind, type[SlidingState] | type[SpanState] | type[BucketState]] = {
    "sliding": SlidingState,
    "fixed": SpanState,
    "calendar": SpanState,
    "month": SpanState,
    "bucket": BucketState,
}


def span_end(window: Window, guard_ms: int, now: int) -> int:
    """Return when a period that begins now ends."""
    boundaries = window.boundaries(now)
    if boundaries is None:
        return now + window.period_ms + guard_ms
    return next(boundary + guard_ms for boundary in boundaries if now < boundary + guard_ms)


def refill_ms(window: Window, amount: int) -> int:
    """Return the milliseconds in which `amount` flows back into a bucket."""
    return -(-amount * window.period_ms // max(1, window.limit))


def wait_ms(
    state: WindowState, window: Window, guard_ms: int, now: int, *, held: int, amount: int, turn_ms: int = 0
) -> int | None:
    """Return the ms until `amount` fits beside `held`; None: never. `turn_ms`: when the first waiter comes back."""
    if amount > window.limit:
        return None
    if held + amount > window.limit:
        return max(
            HELD_WAIT_MIN_MS, turn_ms - now, min(HELD_WAIT_MAX_MS, -(-window.period_ms // HELD_WAITS_PER_PERIOD))
        )
    excess = state.used(window, now) + held + amount - window.limit
    return state.room_at(window, guard_ms, now, excess) - now


def width_ms(window: Window) -> int:
    """Return the width of one bucket of a sliding window in milliseconds."""
    return max(1, -(-window.period_ms // BUCKETS_PER_PERIOD))
