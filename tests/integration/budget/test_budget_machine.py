"""Random lives of tickets: scripts (on a real server) and memory twin answer alike, and never against the naive model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from redis import Redis

from botticelli.budget import (
    BLOCKED,
    Amounts,
    Budget,
    Closing,
    Draw,
    DrawRequest,
    MemoryBudget,
    RedisBudget,
    Refusal,
    Scope,
    Share,
    Ticket,
    Window,
    nothing_charged,
)
from botticelli.testing.budget_cases.budget_naive import AT_DRAW, AT_SETTLE, NOTHING, NaiveScope, NaiveWaiter
from botticelli.testing.budget_cases.clock import ManualClock
from botticelli.testing.budget_cases.intervals import most_in_any_interval

Answer = TypeVar("Answer")
MOST = 100
DRAW_LEASE_MS = 700


def variants(name: str, guard_ms: int, *windows: Window) -> list[Scope]:
    """The same scope with its limits, and with limits that somebody lowered to eight tenths."""
    lower = tuple(Window(w.metric, w.limit * 8 // 10, w.period_seconds, w.kind, w.zone) for w in windows)
    return [Scope(name, windows, guard_ms), Scope(name, lower, guard_ms)]


SCOPES = {
    "sliding": variants("sliding", 0, Window("tokens", MOST, 0.6), Window("requests", 6, 0.3)),
    "fixed": variants("fixed", 3, Window("tokens", MOST, 0.5, "fixed"), Window("requests", 5, 0.2, "fixed")),
    "mixed": variants("mixed", 25, Window("tokens", MOST, 2), Window("tokens", 60, 0.4, "fixed")),
    "unlimited": variants("unlimited", 0),
    "metrics": variants(
        "metrics",
        5,
        Window("input_tokens", 60, 0.5),
        Window("output_tokens", 80, 0.7, "fixed"),
        Window("cost_microusd", 20, 3),
        Window("concurrency", 4, 1),
    ),
    "calendar": variants(
        "calendar",
        40,
        Window("requests", 9, 86_400, "calendar", "UTC"),
        Window("tokens", MOST, 86_400, "calendar", "UTC"),
    ),
    "month": variants(
        "month",
        40,
        Window("cost_microusd", 20, 2_678_400, "month", "UTC"),
        Window("requests", 9, 2_678_400, "month", "UTC"),
    ),
    "bucket": 2
    * [Scope("bucket", (Window("tokens", MOST, 0.5, "bucket"), Window("input_tokens", 40, 0.3, "bucket")), 7)],
}
MIDNIGHT_MS = 1_701_388_800_000
"""Midnight of the first of a month, in UTC."""
names = st.sampled_from(list(SCOPES))
scopes = names.flatmap(lambda name: st.sampled_from(SCOPES[name]))
amounts = st.builds(
    Amounts,
    st.integers(0, 3),
    st.integers(0, 70),
    input_tokens=st.sampled_from([0, 25, 40]),
    output_tokens=st.sampled_from([0, 30, 60]),
    cost_microusd=st.sampled_from([0, 0, 7]),
    concurrency=st.sampled_from([0, 0, 1, 2]),
)
tickets = st.sampled_from([f"t{n}" for n in range(6)])
draws = st.sampled_from(["d1", "d2", "d3"])
leases_ms = st.sampled_from([50, 400, 3000])


@pytest.fixture(scope="module", autouse=True)
def client(server: str) -> Iterator[None]:
    """A real server runs the scripts ten times as fast as a fake one in Python."""
    with Redis(unix_socket_path=server) as BudgetMachine.client:
        yield


class BudgetMachine(RuleBasedStateMachine):
    client: ClassVar[Redis]

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.clock = ManualClock(MIDNIGHT_MS - 2_500)
        self.seen_ms = dict.fromkeys(SCOPES, 0)
        self.redis: Budget = RedisBudget(
            self.client,
            clock_ms=self.clock,
            lease_seconds=DRAW_LEASE_MS / 1000,
            reseed=nothing_charged,
        )
        self.memory: Budget = MemoryBudget(self.clock, lease_seconds=DRAW_LEASE_MS / 1000)
        self.naive = {name: NaiveScope() for name in SCOPES}
        for name, (scope, _) in SCOPES.items():
            self.begin([name])
            assert self.same(self.redis.charge(scope, NOTHING), self.memory.charge(scope, NOTHING)) is None

    def begin(self, called: list[str]) -> int:
        """The time of a call on these scopes; what has run out in them is gone."""
        now = max([self.clock.ms, *(self.seen_ms[name] for name in called)])
        for name in called:
            self.seen_ms[name] = now
            self.naive[name].sweep(now)
        return now

    def same(self, first: Answer, second: Answer) -> Answer:
        assert first == second
        return first

    def judge(
        self, refused: bool, requested: list[tuple[Scope, Amounts, Amounts, list[NaiveWaiter]]], now: int
    ) -> None:
        verdicts = [
            self.naive[s.name].verdicts(s, wanted_amounts, own, now, ahead)
            for s, wanted_amounts, own, ahead in requested
        ]
        if refused:
            assert any(may for _, may in verdicts), "refused, though everything fitted"
        else:
            assert not any(must for must, _ in verdicts), "granted more than a window allows"

    def ahead(self, share: Share, ticket: str) -> list[NaiveWaiter]:
        return self.naive[share.scope.name].ahead_of(ticket)

    def wait(self, ticket: str, shares: list[Share], refusal: Refusal, now: int) -> None:
        """The place in the queue that a refusal gives."""
        wait_ms = refusal.retry_after_ms
        if refusal.window == BLOCKED or wait_ms is None or wait_ms > 120_000:
            return
        [scope] = [share.scope for share in shares if share.scope.name == refusal.scope]
        [period_ms] = [window.period_ms for window in scope.windows if window.name == refusal.window]
        at_ms, late_ms = now + wait_ms, max(50, min(2000, period_ms // 20))
        for share in shares:
            join = share.scope.name == refusal.scope
            self.naive[share.scope.name].wait(ticket, share.amounts, at_ms, at_ms + late_ms, join)

    @rule(
        ticket=tickets,
        requested=st.dictionaries(names, amounts, min_size=1, max_size=3),
        low=st.booleans(),
        ms=leases_ms,
    )
    def reserve(self, ticket: str, requested: dict[str, Amounts], low: bool, ms: int) -> None:
        shares = [Share(SCOPES[name][low], wanted_amounts) for name, wanted_amounts in requested.items()]
        now = self.begin(list(requested))
        answer = self.same(
            self.redis.reserve(ticket, shares, ms / 1000), self.memory.reserve(ticket, shares, ms / 1000)
        )
        self.answered(ticket, shares, answer, now, ms)

    @rule(
        several=st.lists(tickets, min_size=2, max_size=5, unique=True),
        requested=st.dictionaries(names, amounts, min_size=1, max_size=3),
        low=st.booleans(),
        ms=leases_ms,
        ended=st.lists(tickets, max_size=2, unique=True),
    )
    def reserve_all(
        self, several: list[str], requested: dict[str, Amounts], low: bool, ms: int, ended: list[str]
    ) -> None:
        """As one after the other; only that the one who ends it keeps no place. Tickets are released before."""
        shares = [Share(SCOPES[name][low], wanted_amounts) for name, wanted_amounts in requested.items()]
        closing = Closing((), [Ticket(ticket, tuple(shares), 0) for ticket in ended])
        now = self.begin(list(requested))
        for ticket in ended:
            self.released(ticket, list(requested), now)
        answer = self.same(
            self.redis.close_and_reserve(closing, several, shares, ms / 1000)[1],
            self.memory.close_and_reserve(closing, several, shares, ms / 1000)[1],
        )
        if isinstance(answer, Refusal):
            self.answered(several[0], shares, answer, now, ms)
            return
        assert [ticket.id for ticket in answer] == several[: len(answer)]
        for ticket in answer:
            self.answered(ticket.id, shares, ticket, now, ms)
        if len(answer) < len(several):
            self.judge_reservation(several[len(answer)], shares, True, now)

    def judge_reservation(self, ticket: str, shares: list[Share], refused: bool, now: int) -> None:
        fresh = [share for share in shares if ticket not in self.naive[share.scope.name].holds]
        self.judge(refused, [(s.scope, s.amounts, NOTHING, self.ahead(s, ticket)) for s in fresh], now)

    def answered(self, ticket: str, shares: list[Share], answer: Ticket | Refusal, now: int, ms: int) -> None:
        """A reservation that was asked for alone, or came first."""
        self.judge_reservation(ticket, shares, isinstance(answer, Refusal), now)
        if isinstance(answer, Refusal):
            self.wait(ticket, shares, answer, now)
        else:
            for share in shares:
                self.naive[share.scope.name].leave(ticket)
                self.naive[share.scope.name].reserve(ticket, share.amounts, now + ms)

    @rule(ticket=tickets, draw=draws, scope=scopes, requested=amounts)
    def draw(self, ticket: str, draw: str, scope: Scope, requested: Amounts) -> None:
        answer = self.same(
            self.redis.draw(ticket, draw, scope, requested), self.memory.draw(ticket, draw, scope, requested)
        )
        self.drew(ticket, draw, scope, requested, answer)

    @rule(several=st.lists(st.builds(DrawRequest, tickets, draws, scopes, amounts), min_size=2, max_size=4))
    def draw_all(self, several: list[DrawRequest]) -> None:
        answers = self.same(self.redis.draw_all(several), self.memory.draw_all(several))
        for request, answer in zip(several, answers, strict=True):
            self.drew(*request, answer)

    def drew(self, ticket: str, draw: str, scope: Scope, requested: Amounts, answer: Draw | Refusal) -> None:
        now, naive = self.begin([scope.name]), self.naive[scope.name]
        if ticket in naive.holds and draw in naive.holds[ticket].draws:
            assert not isinstance(answer, Refusal)
            assert answer.amounts == naive.holds[ticket].draws[draw].amounts
            return
        self.judge(isinstance(answer, Refusal), [(scope, requested, naive.covered(ticket, requested), [])], now)
        if not isinstance(answer, Refusal):
            assert answer.drawn_at_ms == now
            naive.draw(ticket, draw, requested, now, DRAW_LEASE_MS)

    @rule(ticket=tickets, draw=draws, scope=scopes, actual=st.none() | amounts)
    def settle(self, ticket: str, draw: str, scope: Scope, actual: Amounts | None) -> None:
        now = self.begin([scope.name])
        answer = self.same(
            self.redis.settle(ticket, draw, scope, actual), self.memory.settle(ticket, draw, scope, actual)
        )
        assert (answer.outcome == "settled") is self.naive[scope.name].settle(ticket, draw, actual, now)

    @rule(ticket=tickets, called=st.lists(names, min_size=1, unique=True))
    def release(self, ticket: str, called: list[str]) -> None:
        now = self.begin(called)
        for budget in (self.redis, self.memory):
            budget.release(ticket, [SCOPES[name][0] for name in called])
        self.released(ticket, called, now)

    @rule(several=st.lists(st.tuples(tickets, st.lists(names, min_size=1, unique=True)), min_size=2, max_size=4))
    def release_all(self, several: list[tuple[str, list[str]]]) -> None:
        now = self.begin(sorted({name for _, called in several for name in called}))
        closed = [
            Ticket(ticket, tuple(Share(SCOPES[name][0], Amounts()) for name in called), 0) for ticket, called in several
        ]
        for budget in (self.redis, self.memory):
            budget.release_all(closed)
        for ticket, called in several:
            self.released(ticket, called, now)

    def released(self, ticket: str, called: list[str], now: int) -> None:
        for name in called:
            self.naive[name].leave(ticket)
            if ticket in self.naive[name].holds:
                self.naive[name].close(ticket, now)

    @rule(ticket=tickets, called=st.lists(names, min_size=1, unique=True), ms=leases_ms)
    def renew(self, ticket: str, called: list[str], ms: int) -> None:
        now, called_scopes = self.begin(called), [SCOPES[name][0] for name in called]
        answer = self.same(*(budget.renew(ticket, called_scopes, ms / 1000) for budget in (self.redis, self.memory)))
        holds = [self.naive[name].holds[ticket] for name in called if ticket in self.naive[name].holds]
        for hold in holds:
            hold.lease_until_ms = now + ms
        assert answer is (len(holds) == len(called))

    @rule(scope=scopes, requested=amounts)
    def charge(self, scope: Scope, requested: Amounts) -> None:
        now, naive = self.begin([scope.name]), self.naive[scope.name]
        answer = self.same(self.redis.charge(scope, requested), self.memory.charge(scope, requested))
        self.judge(answer is not None, [(scope, requested, NOTHING, naive.ahead_of(""))], now)
        if answer is None:
            naive.record(AT_DRAW + AT_SETTLE, now, requested)

    @rule(scope=scopes, ms=st.sampled_from([1, 80]))
    def block(self, scope: Scope, ms: int) -> None:
        now, naive = self.begin([scope.name]), self.naive[scope.name]
        for budget in (self.redis, self.memory):
            budget.block_until(scope, ms)
        naive.blocked_until_ms = max(naive.blocked_until_ms, now + ms)

    @rule(ms=st.integers(1, 30) | st.sampled_from([200, 401, 625, 2100, -7, -90]))
    def pass_time(self, ms: int) -> None:
        self.clock.advance(ms)

    @invariant()
    def nothing_is_lost_or_found(self) -> None:
        for name, (scope, _) in SCOPES.items():
            now, naive = self.begin([name]), self.naive[name]
            usage = self.same(self.redis.usage(scope), self.memory.usage(scope))
            assert usage.held == naive.held()
            assert set(usage.holders) == set(naive.holds)
            assert [(w.ticket, w.amounts) for w in usage.waiting] == [(w.ticket, w.amounts) for w in naive.waiting]
            for window in usage.windows:
                least, most = naive.bounds(scope, window.window, now)
                assert least <= window.used <= most

    def teardown(self) -> None:
        for name, (scope, _) in SCOPES.items():
            now = self.begin([name])
            for ticket in list(self.naive[name].holds):
                self.redis.release(ticket, [scope])
                self.memory.release(ticket, [scope])
                self.naive[name].close(ticket, now)
            usage = self.same(self.redis.usage(scope), self.memory.usage(scope))
            assert (usage.held, usage.tickets) == (NOTHING, 0)
            for window in [w for w in scope.windows if w.kind == "sliding" and not self.naive[name].excess]:
                charged = [(event.at_ms, event.amount) for event in self.naive[name].events[window.metric]]
                assert most_in_any_interval(charged, window.period_ms) <= window.limit


TestBudgetMachine = BudgetMachine.TestCase
TestBudgetMachine.settings = settings(max_examples=25, stateful_step_count=40)
