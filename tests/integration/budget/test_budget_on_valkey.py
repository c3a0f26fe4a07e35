"""The public suite on a real server, and what only that can show: its clock, its restart, its strictness."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from redis import Redis

from botticelli.budget import (
    Amounts,
    Budget,
    Closing,
    RedisBudget,
    Reseed,
    Scope,
    SettleRequest,
    Share,
    Ticket,
    Window,
    nothing_charged,
)
from botticelli.testing.budget import BudgetConformance, ManualClock
from botticelli.testing.budget_loss import LossConformance
from botticelli.testing.valkey import valkey_socket


class TestRedisBudgetOnValkey(BudgetConformance):
    @pytest.fixture(autouse=True)
    def _connect(self, socket: str) -> Iterator[None]:
        with Redis(unix_socket_path=socket) as self.client, ExitStack() as self.opened:
            yield

    def make_budget(self, clock: ManualClock) -> Budget:
        budget = RedisBudget(self.client, clock_ms=clock, reseed=nothing_charged)
        return self.opened.enter_context(closing(budget))


@contextmanager
def budget_on(socket: str) -> Iterator[tuple[RedisBudget, Redis]]:
    """A Budget on a server, and a client of its own for what the test does to the server."""
    with Redis(unix_socket_path=socket) as client, closing(RedisBudget(client, reseed=nothing_charged)) as budget:
        yield budget, client


def test_leases_are_in_the_servers_time(socket: str) -> None:
    with budget_on(socket) as (budget, _):
        before = time.time_ns() // 1_000_000
        ticket = budget.reserve("t", [Share(Scope("model"), Amounts(1, 1))], lease_seconds=5)
        after = time.time_ns() // 1_000_000
    assert isinstance(ticket, Ticket)
    assert before + 5_000 <= ticket.lease_until_ms <= after + 5_000


class TestValkeyThatLosesItsData(LossConformance):
    @pytest.fixture(autouse=True)
    def _connect(self, socket: str) -> Iterator[None]:
        with Redis(unix_socket_path=socket) as self.client, ExitStack() as self.opened:
            yield

    def connect(self, clock: ManualClock, reseed: Reseed | None) -> Budget:
        budget = RedisBudget(self.client, reseed=reseed, clock_ms=clock)
        return self.opened.enter_context(closing(budget))

    def lose(self) -> None:
        self.client.flushall()
        self.client.script_flush()


def test_a_server_that_comes_back_empty_has_no_ticket_left() -> None:
    scope = Scope("model", (Window("tokens", 100, 60),))
    with valkey_socket() as first, budget_on(first) as (budget, client):
        assert isinstance(budget.reserve("t", [Share(scope, Amounts(tokens=60))], 60), Ticket)
        client.flushall()
        client.script_flush()
        assert budget.settle("t", "d", scope, None).outcome == "repeated"
        assert budget.renew("t", [scope], 60) is False
        budget.release("t", [scope])
        assert budget.usage(scope).tickets == 0
        assert budget.charge(scope, Amounts(tokens=100)) is None


def test_draw_that_is_settled_beside_a_lost_script_is_said_to_be_settled(socket: str) -> None:
    """The server knows the script that settles, and not yet the one that releases the ticket in the same trip."""
    scope = Scope("model", (Window("tokens", 100, 60),))
    with budget_on(socket) as (budget, client):
        ticket = budget.reserve("t", [Share(scope, Amounts(2, 60))], 60)
        assert isinstance(ticket, Ticket)
        for draw_id in ("first", "second"):
            budget.draw("t", draw_id, scope, Amounts(1, 10))
        client.script_flush()
        assert budget.settle("t", "first", scope, Amounts(1, 5)).outcome == "settled"
        [settlement] = budget.close_all(Closing([SettleRequest("t", "second", scope, Amounts(1, 5))], [ticket]))
        assert settlement.outcome == "settled"
        assert (budget.usage(scope).tickets, budget.usage(scope).windows[0].used) == (0, 10)


def test_all_scripts_run_in_a_server_that_forbids_globals_and_undeclared_keys(socket: str) -> None:
    scopes = [Scope(name, (Window("tokens", 10**6, 60), Window("requests", 100, 1, "fixed"))) for name in ("a", "b")]
    with budget_on(socket) as (budget, client):
        assert isinstance(budget.reserve("t", [Share(scope, Amounts(1, 10)) for scope in scopes], 60), Ticket)
        for scope in scopes:
            budget.draw("t", "d", scope, Amounts(1, 10))
            budget.settle("t", "d", scope, Amounts(1, 5))
        assert budget.renew("t", scopes, 60)
        budget.release("t", scopes)
        slots = {client.cluster("KEYSLOT", key) for key in client.scan_iter()}
        assert len(slots) == 1
