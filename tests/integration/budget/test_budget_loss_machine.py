"""Random lives of tickets on a server that loses its memory or comes back with an old one, against the exact record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fakeredis import FakeRedis, FakeServer
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from botticelli.budget import Amounts, Draw, PastCharge, RedisBudget, Scope, Share, Ticket, Window
from botticelli.testing.budget_cases.clock import ManualClock
from botticelli.testing.budget_cases.intervals import most_in_any_interval

DAY_MS = 86_400_000
SCOPE = Scope(
    "model",
    (
        Window("requests", 3, 86_400),
        Window("tokens", 100, 86_400),
        Window("requests", 2, 5),
        Window("tokens", 90, 5, "fixed"),
    ),
    guard_ms=0,
)
SERVER = "{botticelli}:budget:server"
LEASE_SECONDS = 2.0
tickets = st.sampled_from([f"t{n}" for n in range(4)])
tokens = st.integers(1, 60)
losses = st.sampled_from(["", "", "", "everything", "old"])


@dataclass(frozen=True)
class Row:
    """One request as the ledger has it: its estimate until it is settled."""

    drawn_at_ms: int
    at_ms: int
    tokens: int
    ticket: str
    is_open: bool = True


class LossMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.client = FakeRedis(server=FakeServer())
        self.rows: dict[str, Row] = {}
        self.held: dict[str, int] = {}
        self.lost_at_ms = self.draws = self.servers = 0
        self.copy: dict[bytes, Any] = {}
        self.budget = RedisBudget(self.client, reseed=self.past, clock_ms=self.clock, lease_seconds=LEASE_SECONDS)

    def past(self, scopes: Sequence[Scope]) -> list[PastCharge]:
        return [PastCharge(SCOPE.name, Amounts(1, row.tokens), row.at_ms) for row in self.rows.values()]

    def lose(self, what: str) -> None:
        """Everything; or it is another server, with the data of the last copy."""
        if not what:
            return
        self.lost_at_ms = self.clock.ms
        self.client.flushall()
        if what == "old":
            for key, (kind, value) in self.copy.items():
                self.write(key, kind, value)
            self.servers += 1
            self.client.set(SERVER, f"an earlier one {self.servers}")
            self.budget.close()

    def write(self, key: bytes, kind: bytes, value: Any) -> None:
        if kind == b"hash":
            self.client.hset(key, mapping=value)
        elif kind == b"zset":
            self.client.zadd(key, dict(value))
        else:
            self.client.set(key, value)

    def copy_data(self) -> None:
        read = {b"hash": self.client.hgetall, b"string": self.client.get}
        kinds = {key: self.client.type(key) for key in self.client.scan_iter()}
        self.copy = {
            key: (kind, self.client.zrange(key, 0, -1, withscores=True) if kind == b"zset" else read[kind](key))
            for key, kind in kinds.items()
        }

    @rule(ticket=tickets, tokens=tokens)
    def reserve(self, ticket: str, tokens: int) -> None:
        if isinstance(self.budget.reserve(ticket, [Share(SCOPE, Amounts(1, tokens))], LEASE_SECONDS), Ticket):
            self.held.setdefault(ticket, tokens)

    @rule(ticket=tickets, tokens=tokens, copied=st.sampled_from([False, False, False, True]), loss=losses, late=losses)
    def draw(self, ticket: str, tokens: int, copied: bool, loss: str, late: str) -> None:
        """The server may forget it before the ledger knows it, and after; its replica may lack no more than this one."""
        if copied:
            self.copy_data()
        self.draws += 1
        draw_id, spent = f"d{self.draws}", Amounts(1, self.held.pop(ticket, tokens))
        answer = self.budget.draw(ticket, draw_id, SCOPE, spent)
        if not isinstance(answer, Draw):
            return
        self.lose(loss)
        if loss:
            self.budget.usage(SCOPE)
        drawn_at_ms = answer.drawn_at_ms
        self.rows[draw_id] = Row(drawn_at_ms, drawn_at_ms, spent.tokens, ticket)
        self.lose(late)
        if not isinstance(self.budget.draw(ticket, draw_id, SCOPE, spent), Draw):
            del self.rows[draw_id]

    @rule(part=st.floats(0, 1), loss=losses, data=st.data())
    def settle(self, part: float, loss: str, data: st.DataObject) -> None:
        open_ids = [draw_id for draw_id, row in self.rows.items() if row.is_open]
        if not open_ids:
            return
        draw_id = data.draw(st.sampled_from(open_ids))
        row = self.rows[draw_id]
        used = int(row.tokens * part)
        self.lose(loss)
        settled = self.budget.settle(row.ticket, draw_id, SCOPE, Amounts(1, used))
        is_known = settled.outcome == "settled" and self.lost_at_ms < row.drawn_at_ms
        at_ms = settled.settled_at_ms if is_known else row.drawn_at_ms
        self.rows[draw_id] = replace(row, at_ms=at_ms, tokens=used, is_open=False)

    @rule(ticket=tickets)
    def release(self, ticket: str) -> None:
        self.held.pop(ticket, None)
        self.budget.release(ticket, [SCOPE])

    @rule(loss=st.sampled_from(["everything", "old"]))
    def forget(self, loss: str) -> None:
        self.lose(loss)

    @rule(since=st.integers(1, 3), after=st.integers(1, 2), tokens=st.integers(1, 20))
    def fall_back(self, since: int, after: int, tokens: int) -> None:
        """A copy is made; some draws, each as soon as the short windows allow it; the copy takes over, and so again."""
        self.copy_data()
        for turn in range(since + after):
            if turn == since:
                self.lose("old")
            self.clock.advance(6_000)
            self.draw(f"t{turn % 4}", tokens, False, "", "")

    @rule(ms=st.integers(1, 900) | st.sampled_from([5_000, 6_000, 3_600_000, DAY_MS // 2]))
    def pass_time(self, ms: int) -> None:
        self.clock.advance(ms)

    def teardown(self) -> None:
        """Assert that real charges stay within the day and within any five seconds, and that all of them come back."""
        requests = [(row.drawn_at_ms, 1) for row in self.rows.values()]
        used = [(row.at_ms, row.tokens) for row in self.rows.values()]
        assert most_in_any_interval(requests, DAY_MS) <= 3
        assert most_in_any_interval(requests, 5_000) <= 2
        assert most_in_any_interval(used, DAY_MS) <= 100
        for _ in range(2):  # what is swept late is charged late
            self.clock.advance(DAY_MS)
            self.budget.usage(SCOPE)
        assert self.budget.charge(SCOPE, Amounts(2, 90)) is None
        usage = self.budget.usage(SCOPE)
        assert (usage.held, usage.tickets) == (Amounts(), 0)


TestLossMachine = LossMachine.TestCase
TestLossMachine.settings = settings(max_examples=30, stateful_step_count=30)


def test_a_server_with_old_data_grants_no_more_than_the_rest() -> None:
    """The machine in a life that random steps seldom find: three requests of three, two of them lost with the server."""
    machine = LossMachine()
    machine.draw("t0", 10, False, "", "")
    machine.copy_data()
    for ticket in ("t1", "t2"):
        machine.clock.advance(6_000)
        machine.draw(ticket, 10, False, "", "")
    assert len(machine.rows) == 3
    machine.lose("old")
    machine.clock.advance(6_000)
    machine.draw("t3", 10, False, "", "")
    assert len(machine.rows) == 3
    machine.teardown()
