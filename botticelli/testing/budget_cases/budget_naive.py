"""Checks the answers of a Budget against a second, independent model: a list of all events, without buckets.

The model records what the budgets under test answered, and says whether each answer is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from botticelli.budget import METRICS, Amounts, Metric, Scope, Window

NOTHING = Amounts()
AT_DRAW: tuple[Metric, ...] = ("requests", "input_tokens")
AT_SETTLE: tuple[Metric, ...] = ("tokens", "output_tokens", "cost_microusd")


@dataclass
class Event:
    """A charge of one metric."""

    at_ms: int
    amount: int
    charged: int
    """The amount before a settle corrected it."""


@dataclass
class NaiveDraw:
    """An open draw and the events that it was charged with."""

    amounts: Amounts
    events: dict[Metric, Event]


@dataclass
class NaiveHold:
    """A ticket with its lease, the amounts not yet drawn, and its open draws."""

    lease_until_ms: int
    undrawn: Amounts
    draws: dict[str, NaiveDraw] = field(default_factory=dict)


@dataclass
class NaiveWaiter:
    """A place in the queue: when to come back, and until when the place is kept."""

    ticket: str
    at_ms: int
    until_ms: int
    amounts: Amounts


@dataclass
class NaiveScope:
    """The state of one scope."""

    events: dict[Metric, list[Event]] = field(default_factory=lambda: {metric: [] for metric in METRICS})
    holds: dict[str, NaiveHold] = field(default_factory=dict)
    blocked_until_ms: int = 0
    excess: bool = False
    waiting: list[NaiveWaiter] = field(default_factory=list)

    def record(self, metrics: tuple[Metric, ...], at_ms: int, amounts: Amounts) -> dict[Metric, Event]:
        events = {metric: Event(at_ms, amounts.of(metric), amounts.of(metric)) for metric in metrics}
        for metric, event in events.items():
            if event.amount:
                self.events[metric].append(event)
        return events

    def held(self) -> Amounts:
        total = NOTHING
        for hold in self.holds.values():
            total += hold.undrawn
            for draw in hold.draws.values():
                a = draw.amounts
                total += Amounts(0, a.tokens, 0, a.output_tokens, a.cost_microusd, a.concurrency)
        return total

    def reserve(self, ticket: str, amounts: Amounts, lease_until_ms: int) -> None:
        self.holds.setdefault(ticket, NaiveHold(0, amounts)).lease_until_ms = lease_until_ms

    def covered(self, ticket: str, requested: Amounts) -> Amounts:
        undrawn = self.holds[ticket].undrawn if ticket in self.holds else NOTHING
        return Amounts(*(min(undrawn.of(metric), requested.of(metric)) for metric in METRICS))

    def draw(self, ticket: str, draw: str, requested: Amounts, now: int, new_lease_ms: int) -> None:
        covered = self.covered(ticket, requested)
        hold = self.holds.setdefault(ticket, NaiveHold(now + new_lease_ms, NOTHING))
        hold.undrawn = Amounts(*(hold.undrawn.of(metric) - covered.of(metric) for metric in METRICS))
        hold.draws[draw] = NaiveDraw(requested, self.record(AT_DRAW, now, requested))

    def settle(self, ticket: str, draw: str, actual: Amounts | None, now: int) -> bool:
        """Settle a draw; False when there is none."""
        if ticket not in self.holds or draw not in self.holds[ticket].draws:
            return False
        drawn = self.holds[ticket].draws.pop(draw)
        actual = drawn.amounts if actual is None else actual
        self.record(AT_SETTLE, now, actual)
        for metric, event in drawn.events.items():
            event.amount = min(event.charged, actual.of(metric))
        more = Amounts(*(max(0, actual.of(metric) - drawn.amounts.of(metric)) for metric in METRICS))
        self.record(AT_DRAW, now, more)
        self.excess = self.excess or more != NOTHING
        return True

    def wait(self, ticket: str, amounts: Amounts, at_ms: int, until_ms: int, join: bool) -> None:
        for waiter in self.waiting:
            if waiter.ticket == ticket:
                waiter.at_ms, waiter.until_ms, waiter.amounts = at_ms, until_ms, amounts
                return
        if join:
            self.waiting.append(NaiveWaiter(ticket, at_ms, until_ms, amounts))

    def leave(self, ticket: str) -> None:
        self.waiting = [waiter for waiter in self.waiting if waiter.ticket != ticket]

    def ahead_of(self, ticket: str) -> list[NaiveWaiter]:
        tickets = [waiter.ticket for waiter in self.waiting]
        return self.waiting[: tickets.index(ticket)] if ticket in tickets else list(self.waiting)

    def close(self, ticket: str, now: int) -> None:
        for draw in self.holds.pop(ticket).draws.values():
            self.record(AT_SETTLE, now, draw.amounts)

    def sweep(self, now: int) -> None:
        self.waiting = [waiter for waiter in self.waiting if waiter.until_ms > now]
        for ticket in [ticket for ticket, hold in self.holds.items() if hold.lease_until_ms <= now]:
            self.close(ticket, now)

    def bounds(self, scope: Scope, window: Window, now: int) -> tuple[int, int]:
        """Return the least and the most that may count as used.

        The most allows for sliding buckets that are a 240th of a period wide, and for corrections that a refilling
        bucket does not take back.
        """
        span_ms, events = window.period_ms + scope.guard_ms, self.events[window.metric]
        if window.kind == "fixed":
            exact = fixed_use(events, span_ms, now)
            return exact, exact
        if window.zone:
            days = [local_day(at_ms - scope.guard_ms, window.zone) for at_ms in (*(e.at_ms for e in events), now)]
            exact = sum(event.amount for event, day in zip(events, days, strict=False) if day == days[-1])
            return exact, exact
        if window.kind == "bucket":
            corrected = [(event.at_ms, event.amount) for event in events]
            charged = [(event.at_ms, event.charged) for event in events]
            least, most = (bucket_use(charges, window, scope.guard_ms, now) for charges in (corrected, charged))
            return least, most
        width_ms = max(1, -(-window.period_ms // 240))
        recent = sum(event.amount for event in events if event.at_ms > now - span_ms)
        return recent, sum(event.amount for event in events if event.at_ms > now - span_ms - width_ms)

    def verdicts(
        self, scope: Scope, requested: Amounts, covered: Amounts, now: int, ahead: Sequence[NaiveWaiter] = ()
    ) -> tuple[bool, bool]:
        """Return whether a budget must refuse this, and whether it may.

        It may if the request doesn't fit now, or at the time of any waiter `ahead`, beside all waiters that are due by
        then.
        """
        must = may = self.blocked_until_ms > now
        held = self.held()
        for window in scope.windows:
            amount, own = requested.of(window.metric), covered.of(window.metric)
            if amount <= own:
                continue
            for at_ms in {now, *(max(now, waiter.at_ms) for waiter in ahead)}:
                due = sum(w.amounts.of(window.metric) for w in ahead if w.at_ms <= at_ms)
                rest = window.limit - held.of(window.metric) - due + own - amount
                least, most = self.bounds(scope, window, at_ms)
                must, may = must or least > rest, may or most > rest
        return must, may


def fixed_use(events: list[Event], span_ms: int, now: int) -> int:
    """Replay charges; a window begins with the first charge after the end of the previous one."""
    ends, used = 0, 0
    for event in events:
        if event.at_ms >= ends:
            ends, used = event.at_ms + span_ms, 0
        used += event.amount
    return used if now < ends else 0


def local_day(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def bucket_use(charges: list[tuple[int, int]], window: Window, guard_ms: int, now: int) -> int:
    """Replay charges exactly; a bucket refills from a guard after its first charge until it is full."""
    rate, level, since = Fraction(window.limit, window.period_ms), Fraction(0), 0
    for at_ms, amount in [*charges, (now, 0)]:
        level = max(Fraction(0), level - rate * max(0, at_ms - since))
        since = max(at_ms, since) if level else at_ms + guard_ms
        level += amount
    return ceil(level)
