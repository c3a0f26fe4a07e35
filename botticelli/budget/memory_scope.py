"""One scope in plain Python: its windows, holds and leases, by the rules of `lua/lib_*.lua`. No clock, no calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from botticelli.budget.model import BLOCKED, METRICS, Amounts, Metric, Refusal, Scope, Window

BUCKETS_PER_PERIOD = 60
SWEPT_PER_CALL = 20
HELD_WAIT_MIN_MS, HELD_WAIT_MAX_MS = 50, 1000


@dataclass(slots=True)
class Bucket:
    amount: int
    last_ms: int


@dataclass(slots=True)
class WindowState:
    """What is charged in one window. `leaves_ms`: when the oldest bucket leaves or the fixed window ends; 0: empty."""

    used: int = 0
    leaves_ms: int = 0
    buckets: dict[int, Bucket] = field(default_factory=dict)

    def expire(self, window: Window, span_ms: int, now: int) -> None:
        if self.leaves_ms == 0 or now < self.leaves_ms:
            return
        while window.kind == "sliding" and self.buckets:
            number, oldest = next(iter(self.buckets.items()))
            if oldest.last_ms + span_ms > now:
                self.leaves_ms = oldest.last_ms + span_ms
                return
            self.used -= self.buckets.pop(number).amount
        self.used = self.leaves_ms = 0

    def charge(self, window: Window, span_ms: int, now: int, amount: int) -> int:
        """Charge now; gives the mark by which `correct` finds this charge again."""
        self.used += amount
        if window.kind == "fixed":
            self.leaves_ms = self.leaves_ms or now + span_ms
            return self.leaves_ms
        number = now // width_ms(window)
        bucket = self.buckets.setdefault(number, Bucket(0, now))
        bucket.amount, bucket.last_ms = bucket.amount + amount, now
        if len(self.buckets) == 1:
            self.leaves_ms = now + span_ms
        return number

    def correct(self, window: Window, mark: int, amount: int) -> None:
        """Give `amount` back where it was charged; what has left its window stays gone."""
        if window.kind == "fixed":
            self.used -= amount if self.leaves_ms == mark else 0
        elif mark in self.buckets:
            self.buckets[mark].amount -= amount
            self.used -= amount

    def wait_ms(self, window: Window, span_ms: int, now: int, held: int, amount: int) -> int | None:
        """When `amount` fits beside `held`, if that stays; None: never."""
        if amount > window.limit:
            return None
        if held + amount > window.limit:
            return max(HELD_WAIT_MIN_MS, min(HELD_WAIT_MAX_MS, width_ms(window)))
        excess, leaves_ms = self.used + held + amount - window.limit, self.leaves_ms
        for bucket in self.buckets.values():
            excess, leaves_ms = excess - bucket.amount, bucket.last_ms + span_ms
            if excess <= 0:
                break
        return leaves_ms - now


@dataclass(frozen=True, slots=True)
class OpenDraw:
    amounts: Amounts
    at_ms: int
    marks: dict[str, int]


@dataclass(slots=True)
class Hold:
    """What one ticket has of the scope: undrawn amounts and draws in flight."""

    undrawn: Amounts = field(default_factory=Amounts)
    draws: dict[str, OpenDraw] = field(default_factory=dict)


@dataclass(slots=True)
class ScopeState:
    """Everything known of one scope; `scope` holds the limits of the call at hand."""

    scope: Scope
    now: int = 0
    blocked_until_ms: int = 0
    windows: dict[str, WindowState] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)

    @property
    def held(self) -> Amounts:
        """Undrawn requests (a drawn request is charged), undrawn tokens and tokens in flight."""
        total = Amounts()
        for hold in self.holds.values():
            total += hold.undrawn
            for draw in hold.draws.values():
                total += replace(draw.amounts, requests=0)
        return total

    def open(self, scope: Scope, now: int) -> None:
        """Begin a call: take its limits and its time, and let go of what has run out."""
        self.scope, self.now = scope, now
        for window, state in self.states():
            state.expire(window, self.span_ms(window), now)
        self.sweep()

    def states(self) -> Iterator[tuple[Window, WindowState]]:
        for window in self.scope.windows:
            yield window, self.windows.setdefault(window.name, WindowState())

    def span_ms(self, window: Window) -> int:
        return window.period_ms + self.scope.guard_ms

    def sweep(self) -> bool:
        """Close tickets whose lease ran out, a few at a time; True when there may be more."""
        expired = [ticket for ticket, deadline in self.by_deadline() if deadline <= self.now][:SWEPT_PER_CALL]
        for ticket in expired:
            self.close(ticket)
        return len(expired) == SWEPT_PER_CALL

    def by_deadline(self) -> list[tuple[str, int]]:
        return sorted(self.leases.items(), key=lambda lease: (lease[1], lease[0]))

    def close(self, ticket_id: str) -> None:
        """Undrawn amounts go back; draws whose outcome nobody knows are charged as drawn."""
        del self.leases[ticket_id]
        for draw in self.holds.pop(ticket_id).draws.values():
            self.charge("tokens", draw.amounts.tokens)

    def charge(self, metric: Metric, amount: int) -> dict[str, int]:
        return {
            window.name: state.charge(window, self.span_ms(window), self.now, amount)
            for window, state in self.states()
            if amount > 0 and window.metric == metric
        }

    def refusals(self, asked: Amounts, covered: Amounts) -> Iterator[Refusal]:
        """Everything here that stands against `asked`, of which the ticket holds `covered` already."""
        name, held = self.scope.name, self.held
        if self.blocked_until_ms > self.now:
            yield Refusal(name, BLOCKED, 0, 0, asked.requests, self.blocked_until_ms - self.now)
        for window, state in self.states():
            amount, beside = asked.of(window.metric), held.of(window.metric) - covered.of(window.metric)
            used = state.used + beside
            if amount > covered.of(window.metric) and used + amount > window.limit:
                wait_ms = state.wait_ms(window, self.span_ms(window), self.now, beside, amount)
                yield Refusal(name, window.name, window.limit, used, amount, wait_ms)


def width_ms(window: Window) -> int:
    """How much time one bucket of a sliding window covers."""
    return max(1, -(-window.period_ms // BUCKETS_PER_PERIOD))


def longest(refusals: list[Refusal]) -> Refusal | None:
    """The refusal with the longest wait, the first of equals; never is the longest of all."""
    endless = float("inf")
    waits = [endless if refusal.retry_after_ms is None else refusal.retry_after_ms for refusal in refusals]
    return refusals[waits.index(max(waits))] if refusals else None


def smaller(one: Amounts, other: Amounts) -> Amounts:
    """The smaller amount of each metric."""
    requests, tokens = (min(one.of(metric), other.of(metric)) for metric in METRICS)
    return Amounts(requests, tokens)
