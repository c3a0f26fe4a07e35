"""A second, independent answer to what a Budget may grant: a list of all that ever happened, and no buckets.

It does not decide: it records what the budgets under test said, and tells whether they could say it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from botticelli.budget import Amounts, Metric, Scope, Window

NOTHING = Amounts()


@dataclass
class Event:
    at_ms: int
    amount: int


@dataclass
class NaiveDraw:
    amounts: Amounts
    requests: Event


@dataclass
class NaiveHold:
    lease_until_ms: int
    undrawn: Amounts
    draws: dict[str, NaiveDraw] = field(default_factory=dict)


@dataclass
class NaiveScope:
    events: dict[Metric, list[Event]] = field(default_factory=lambda: {"requests": [], "tokens": []})
    holds: dict[str, NaiveHold] = field(default_factory=dict)
    blocked_until_ms: int = 0
    excess: bool = False

    def record(self, metric: Metric, at_ms: int, amount: int) -> Event:
        event = Event(at_ms, amount)
        if amount:
            self.events[metric].append(event)
        return event

    def held(self) -> Amounts:
        total = NOTHING
        for hold in self.holds.values():
            total += hold.undrawn
            for draw in hold.draws.values():
                total += Amounts(0, draw.amounts.tokens)
        return total

    def reserve(self, ticket: str, amounts: Amounts, lease_until_ms: int) -> None:
        self.holds.setdefault(ticket, NaiveHold(0, amounts)).lease_until_ms = lease_until_ms

    def covered(self, ticket: str, asked: Amounts) -> Amounts:
        undrawn = self.holds[ticket].undrawn if ticket in self.holds else NOTHING
        return Amounts(min(undrawn.requests, asked.requests), min(undrawn.tokens, asked.tokens))

    def draw(self, ticket: str, draw: str, asked: Amounts, now: int, new_lease_ms: int) -> None:
        covered = self.covered(ticket, asked)
        hold = self.holds.setdefault(ticket, NaiveHold(now + new_lease_ms, NOTHING))
        hold.undrawn = Amounts(hold.undrawn.requests - covered.requests, hold.undrawn.tokens - covered.tokens)
        hold.draws[draw] = NaiveDraw(asked, self.record("requests", now, asked.requests))

    def settle(self, ticket: str, draw: str, actual: Amounts | None, now: int) -> bool:
        """False when there was nothing to settle."""
        if ticket not in self.holds or draw not in self.holds[ticket].draws:
            return False
        drawn = self.holds[ticket].draws.pop(draw)
        actual = drawn.amounts if actual is None else actual
        more = actual.requests - drawn.amounts.requests
        self.excess = self.excess or more > 0 or actual.tokens > drawn.amounts.tokens
        self.record("tokens", now, actual.tokens)
        if more > 0:
            self.record("requests", now, more)
        else:
            drawn.requests.amount += more
        return True

    def close(self, ticket: str, now: int) -> None:
        for draw in self.holds.pop(ticket).draws.values():
            self.record("tokens", now, draw.amounts.tokens)

    def sweep(self, now: int) -> None:
        for ticket in [ticket for ticket, hold in self.holds.items() if hold.lease_until_ms <= now]:
            self.close(ticket, now)

    def bounds(self, scope: Scope, window: Window, now: int) -> tuple[int, int]:
        """The least and the most that may count as used: the most allows for buckets a sixtieth of a period wide."""
        span_ms, events = window.period_ms + scope.guard_ms, self.events[window.metric]
        if window.kind == "fixed":
            exact = fixed_use(events, span_ms, now)
            return exact, exact
        width_ms = max(1, -(-window.period_ms // 60))
        recent = sum(event.amount for event in events if event.at_ms > now - span_ms)
        return recent, sum(event.amount for event in events if event.at_ms > now - span_ms - width_ms)

    def verdicts(self, scope: Scope, asked: Amounts, covered: Amounts, now: int) -> tuple[bool, bool]:
        """Whether a budget must refuse this, and whether it may."""
        must = may = self.blocked_until_ms > now
        held = self.held()
        for window in scope.windows:
            amount, own = asked.of(window.metric), covered.of(window.metric)
            rest = window.limit - held.of(window.metric) + own - amount
            least, most = self.bounds(scope, window, now)
            must = must or (amount > own and least > rest)
            may = may or (amount > own and most > rest)
        return must, may


def fixed_use(events: list[Event], span_ms: int, now: int) -> int:
    """Replay: a window begins with the first charge after the end of the one before."""
    ends, used = 0, 0
    for event in events:
        if event.at_ms >= ends:
            ends, used = event.at_ms + span_ms, 0
        used += event.amount
    return used if now < ends else 0
