"""Implements one scope: windows, holds and leases, by the rules of `lua/lib_*.lua`. Reads no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from botticelli.budget.interface import BLOCKED, CHARGED_AT, Amounts, Holding, Refusal, Scope, Window, WindowUsage
from botticelli.budget.memory.memory_windows import KINDS, WindowState, wait_ms
from botticelli.budget.memory.waiters import LONGEST_WAIT_MS, Place, Queue, kept_for

SWEPT_PER_CALL = 20


@dataclass(frozen=True, slots=True)
class OpenDraw:
    amounts: Amounts
    at_ms: int
    marks: dict[str, int]


@dataclass(slots=True)
class Hold:
    """The state of one ticket in a scope: undrawn amounts and draws in flight."""

    undrawn: Amounts = field(default_factory=Amounts)
    draws: dict[str, OpenDraw] = field(default_factory=dict)


@dataclass(slots=True)
class ScopeState:
    """The state of one scope; `scope` has the limits of the present call."""

    scope: Scope
    now: int = 0
    blocked_until_ms: int = 0
    windows: dict[str, WindowState] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    queue: Queue = field(default_factory=Queue)
    spread: tuple[int, int] = (0, 0)
    """Milliseconds by which sliding windows and buckets are longer than the provider's, and the time until which they are."""

    warm: tuple[int, int] | None = None
    """Times of the first use after the last idle time, and of the last use."""

    @property
    def spread_ms(self) -> int:
        return self.spread[0] if self.spread[1] > self.now else 0

    def guard_of(self, window: Window) -> int:
        """Return the guard of a window in milliseconds. Windows that end at a set time are never widened."""
        widened = window.kind in ("sliding", "bucket")
        return max(self.scope.guard_ms, self.spread_ms) if widened else self.scope.guard_ms

    @property
    def held(self) -> Amounts:
        """Return the amounts that are not drawn yet, and those in flight that are not charged yet."""
        total = Amounts()
        for hold in self.holds.values():
            total += hold.undrawn
            for draw in hold.draws.values():
                total += in_flight(draw.amounts)
        return total

    def open(self, scope: Scope, now: int) -> None:
        """Begin a call: set its limits and its time, and remove everything that has expired."""
        self.scope, self.now = scope, now
        for window, state in self.states():
            state.expire(window, self.guard_of(window), now)
        self.queue.expire(now)
        self.sweep()

    def states(self) -> Iterator[tuple[Window, WindowState]]:
        for window in self.scope.windows:
            yield window, self.windows.setdefault(window.name, KINDS[window.kind]())

    def sweep(self) -> bool:
        """Close tickets whose lease has expired, a few at a time. Returns whether there may be more."""
        expired = [ticket for ticket, deadline in self.by_deadline() if deadline <= self.now][:SWEPT_PER_CALL]
        for ticket in expired:
            self.close(ticket)
        return len(expired) == SWEPT_PER_CALL

    def by_deadline(self) -> list[tuple[str, int]]:
        return sorted(self.leases.items(), key=lambda lease: (lease[1], lease[0]))

    def close(self, ticket_id: str) -> None:
        """Return undrawn amounts, and charge open draws as drawn."""
        del self.leases[ticket_id]
        for draw in self.holds.pop(ticket_id).draws.values():
            self.charge(draw.amounts, "settle")

    def charge(self, amounts: Amounts, *moments: str) -> dict[str, int]:
        """Charge the metrics that are charged at these moments. Returns the marks by window."""
        return {
            window.name: state.charge(window, self.guard_of(window), self.now, amounts.of(window.metric))
            for window, state in self.states()
            if amounts.of(window.metric) > 0 and CHARGED_AT[window.metric] in moments
        }

    def window_usage(self, window: Window, state: WindowState) -> WindowUsage:
        used, held = state.used(window, self.now), self.held.of(window.metric)
        resets_after_ms = state.resets_at(window) - self.now if used else 0
        free_after_ms: int | None = 0
        if used + held >= window.limit:
            free_after_ms = wait_ms(state, window, self.guard_of(window), self.now, held=held, amount=1)
        return WindowUsage(window, used, held, resets_after_ms, free_after_ms)

    def refusals(self, amounts: Amounts, covered: Amounts, ahead: Sequence[Place]) -> Iterator[Refusal]:
        """Yield every reason of this scope to refuse `amounts`.

        The ticket already holds `covered` of them; `ahead` are the waiters before it.
        """
        name, held = self.scope.name, self.held
        if self.blocked_until_ms > self.now:
            yield Refusal(name, BLOCKED, 0, 0, amounts.requests, self.blocked_until_ms - self.now)
        for window, state in self.states():
            amount, beside = amounts.of(window.metric), held.of(window.metric) - covered.of(window.metric)
            used, guard_ms = state.used(window, self.now), self.guard_of(window)
            if amount <= covered.of(window.metric):
                continue
            if used + beside + amount > window.limit or self.delays(window, state, beside + amount, ahead):
                reserved = kept_for(ahead, window.metric, inf)
                beside, turn_ms = beside + reserved, self.queue.turn_ms() if reserved else 0
                wait = wait_ms(state, window, guard_ms, self.now, held=beside, amount=amount, turn_ms=turn_ms)
                yield Refusal(name, window.name, window.limit, used + beside, amount, wait)

    def delays(self, window: Window, state: WindowState, beside: int, ahead: Sequence[Place]) -> bool:
        """Return whether a waiter in `ahead` could not start at its time if `beside` was held then."""
        return any(
            state.used_at(window, self.guard_of(window), at_ms) + beside + kept_for(ahead, window.metric, at_ms)
            > window.limit
            for at_ms in (max(self.now, place.at_ms) for place in ahead)
        )


def longest(refusals: list[Refusal]) -> Refusal | None:
    """Return the refusal with the longest wait, the first of equals. No end of the wait is the longest of all."""
    endless = float("inf")
    waits = [endless if refusal.retry_after_ms is None else refusal.retry_after_ms for refusal in refusals]
    return refusals[waits.index(max(waits))] if refusals else None


def holding(ticket_id: str, hold: Hold, lease_for_ms: int) -> Holding:
    return Holding(ticket_id, hold.undrawn, sum((d.amounts for d in hold.draws.values()), Amounts()), lease_for_ms)


def wait_in_queues(ticket_id: str, states: list[tuple[ScopeState, Amounts]], refusal: Refusal) -> None:
    """Queue the ticket in the scope with the longest wait, and keep its places in other scopes."""
    wait_ms = refusal.retry_after_ms
    if refusal.window == BLOCKED or wait_ms is None or wait_ms > LONGEST_WAIT_MS:
        return
    by_name = {state.scope.name: state for state, _ in states}
    window = next(w for w, _ in by_name[refusal.scope].states() if w.name == refusal.window)
    for state, amounts in states:
        join = state.scope.name == refusal.scope
        state.queue.wait(ticket_id, amounts, window, state.now + wait_ms, join=join)


def in_flight(amounts: Amounts) -> Amounts:
    """Return the part of drawn amounts that stays held while the call is in flight."""
    return Amounts.each(lambda metric: 0 if CHARGED_AT[metric] == "draw" else amounts.of(metric))


def smaller(amounts: Amounts, other: Amounts) -> Amounts:
    """Return the smaller amount of each metric."""
    return Amounts.each(lambda metric: min(amounts.of(metric), other.of(metric)))


def less(amounts: Amounts, other: Amounts) -> Amounts:
    """Return the part of `amounts` beyond `other`, in each metric."""
    return Amounts.each(lambda metric: max(0, amounts.of(metric) - other.of(metric)))
