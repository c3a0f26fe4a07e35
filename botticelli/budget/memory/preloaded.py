"""Implements a Budget in memory that starts with the usage of another one, for planning. Changes nothing in that one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from botticelli.budget.interface import PastCharge, Refusal, Scope, ScopeUsage, Share, Ticket, WindowUsage
from botticelli.budget.memory.memory_budget import MemoryBudget
from botticelli.budget.memory.memory_scope import ScopeState
from botticelli.budget.memory.memory_windows import Bucket, BucketState, SlidingState, SpanState, WindowState, width_ms
from botticelli.budget.memory.waiters import LATE_MAX_MS, Place

FOREVER_SECONDS = 10 * 365 * 86_400.0
WIDENED_MS = 3_600_000
"""Time for which the present spread is assumed to last."""
STEPS = 20
"""Number of equal charges that stand for usage of a sliding window at unknown times."""


class PreloadedBudget(MemoryBudget):
    """A `MemoryBudget` for planning: leases never expire, and refused reservations are kept."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        super().__init__(clock_ms, lease_seconds=FOREVER_SECONDS)
        self.refusals: list[Refusal] = []

    def reserve_all(
        self, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> list[Ticket] | Refusal:
        answer = super().reserve_all(ticket_ids, shares, FOREVER_SECONDS)
        if isinstance(answer, Refusal):
            self.refusals.append(answer)
        return answer

    def begin_with(self, scope: Scope, usage: ScopeUsage, past: Sequence[PastCharge]) -> None:
        """Copy the usage of a scope, its block and its queue.

        `past` has the times of charges; usage beyond them is spread evenly. Amounts that others hold count as charged
        now, and their slots as free.
        """
        now = self._clock_ms()
        state = ScopeState(scope, now, spread=(usage.guard_ms, now + WIDENED_MS))
        mine = [charge for charge in past if charge.scope == scope.name]
        for window in usage.windows:
            if window.window.metric != "concurrency":
                state.windows[window.window.name] = _window(window, state.guard_of(window.window), mine, now)
        state.blocked_until_ms = now + usage.blocked_for_ms if usage.blocked_for_ms else 0
        for waiter in usage.waiting:
            back_ms = now + waiter.back_after_ms
            state.queue.places[waiter.ticket] = Place(back_ms, back_ms + LATE_MAX_MS, waiter.amounts)
        self._keep(state)


def _window(usage: WindowUsage, guard_ms: int, past: Sequence[PastCharge], now: int) -> WindowState:
    total = usage.used + usage.held
    if usage.window.kind == "sliding":
        return _sliding(usage, guard_ms, past, now)
    if total == 0:
        return BucketState() if usage.window.kind == "bucket" else SpanState()
    if usage.window.kind == "bucket":
        return BucketState(total, now)
    state = SpanState()
    state.charge(usage.window, guard_ms, now, total)
    if usage.used:
        state.leaves_ms = now + usage.resets_after_ms
    return state


def _sliding(usage: WindowUsage, guard_ms: int, past: Sequence[PastCharge], now: int) -> SlidingState:
    """Build a sliding window from charges in order of time; held amounts are charged last."""
    window, state = usage.window, SlidingState()
    moments = sorted([*_charges(usage, guard_ms, past, now), *([(now, usage.held)] if usage.held else [])])
    for at_ms, amount in moments:
        bucket = state.buckets.setdefault(at_ms // width_ms(window), Bucket(0, at_ms))
        bucket.amount, bucket.last_ms = bucket.amount + amount, at_ms
        state.total += amount
    if moments:
        state.leaves_ms = next(iter(state.buckets.values())).last_ms + window.period_ms + guard_ms
    return state


def _charges(usage: WindowUsage, guard_ms: int, past: Sequence[PastCharge], now: int) -> list[tuple[int, int]]:
    """Return times and amounts that add up to the usage: the newest past charges, and the rest spread evenly."""
    window, rest = usage.window, usage.used
    oldest_ms = min(now, now - window.period_ms - guard_ms + usage.resets_after_ms)
    charges: list[tuple[int, int]] = []
    for charge in sorted(past, key=lambda item: item.at_ms, reverse=True):
        amount = min(rest, charge.amounts.of(window.metric))
        if amount and oldest_ms <= charge.at_ms:
            charges.append((min(charge.at_ms, now), amount))
            rest -= amount
    return charges + _spread(rest, oldest_ms, now)


def _spread(amount: int, oldest_ms: int, now: int) -> list[tuple[int, int]]:
    steps = min(STEPS, amount)
    return [
        (oldest_ms + (now - oldest_ms) * step // steps, amount * (step + 1) // steps - amount * step // steps)
        for step in range(steps)
    ]
