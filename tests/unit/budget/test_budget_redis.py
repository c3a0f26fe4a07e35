"""Promises of the Redis budget alone: its keys, their expiry, and scripts that the server may forget."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

import pytest
from fakeredis import FakeRedis, FakeServer

from botticelli.budget import (
    CHARGED_AT,
    METRICS,
    Amounts,
    Closing,
    Draw,
    DrawRequest,
    PastCharge,
    RedisBudget,
    Refusal,
    Scope,
    Share,
    Ticket,
    Window,
    nothing_charged,
)
from botticelli.budget.redis.refusal_counts import take_refusals
from botticelli.budget.redis.scripts import FILES, SCRIPTS
from botticelli.errors import InvalidInput, ServiceUnavailable
from botticelli.testing.budget_cases.clock import ManualClock

EPOCH = "{botticelli}:budget:epoch"
SERVER = "{botticelli}:budget:server"
REFUSALS = "{botticelli}:budget:refusals"
SCOPE = Scope("model", (Window("tokens", 100, 60), Window("requests", 10, 3600)))


@pytest.fixture
def client() -> FakeRedis:
    return FakeRedis(server=FakeServer())


def keys(client: FakeRedis) -> set[str]:
    return {str(key, "utf-8") for key in client.scan_iter()}


def test_all_keys_are_in_one_hash_slot_and_under_the_prefix(client: FakeRedis) -> None:
    budget = RedisBudget(client, prefix="mine", reseed=nothing_charged)
    for name in ("model", "run:7"):
        budget.reserve("t", [Share(Scope(name), Amounts(1, 1))], 60)
    expected = {
        f"{{mine}}:budget:{kind}:{name}" for kind in ("usage", "holds", "leases") for name in ("model", "run:7")
    }
    assert keys(client) == expected | {"{mine}:budget:epoch", "{mine}:budget:server"}


def test_looking_and_being_refused_leave_nothing_but_a_count_behind(client: FakeRedis) -> None:
    budget = RedisBudget(client, reseed=nothing_charged)
    budget.usage(Scope("elsewhere"))
    client.set(EPOCH, 0)
    budget.usage(SCOPE)
    budget.reserve("t", [Share(SCOPE, Amounts(tokens=101))], 60)
    budget.draw("t", "d", SCOPE, Amounts(tokens=101))
    budget.charge(SCOPE, Amounts(tokens=101))
    budget.settle("t", "d", SCOPE, None)
    budget.renew("t", [SCOPE], 60)
    budget.release("t", [SCOPE])
    assert keys(client) == {EPOCH, SERVER, REFUSALS}
    assert 0 < client.ttl(REFUSALS) <= 86_400
    assert take_refusals(client, "botticelli") == {("model", SCOPE.windows[0].name): 3}
    assert keys(client) == {EPOCH, SERVER}


def test_the_epoch_alone_tells_of_a_loss(client: FakeRedis) -> None:
    clock = ManualClock()
    past: list[PastCharge] = []
    budget = RedisBudget(client, reseed=lambda scopes: past, clock_ms=clock)
    budget.reserve("t", [Share(SCOPE, Amounts(1, 1))], 60)
    past.append(PastCharge("model", Amounts(1, 1), clock.ms))
    client.delete(EPOCH)
    clock.advance(1)
    assert budget.charge(SCOPE, Amounts(tokens=1)) is not None
    assert budget.usage(SCOPE).holders == ("t",)


def test_a_draw_of_another_epoch_that_is_refused_is_let_go_once(client: FakeRedis) -> None:
    clock = ManualClock()
    past: list[PastCharge] = []
    budget = RedisBudget(client, reseed=lambda _: past, clock_ms=clock)
    budget.reserve("t", [Share(SCOPE, Amounts(2, 60))], 60)
    assert isinstance(budget.draw("t", "d", SCOPE, Amounts(1, 40)), Draw)
    past.append(PastCharge("model", Amounts(1, 1), clock.ms))
    client.delete(EPOCH)
    clock.advance(1)
    for _ in range(3):
        assert isinstance(budget.draw("t", "d", SCOPE, Amounts(1, 40)), Refusal)
        assert budget.usage(SCOPE).held == Amounts(1, 20)
    assert budget.settle("t", "d", SCOPE, Amounts(1, 40)).outcome == "repeated"
    budget.release("t", [SCOPE])
    assert budget.usage(SCOPE).held == Amounts()


def test_a_server_that_forgets_all_the_time_is_an_error(client: FakeRedis) -> None:
    def flush(_: Sequence[Scope]) -> list[PastCharge]:
        client.flushall()
        return []

    budget = RedisBudget(client, reseed=flush)
    with pytest.raises(ServiceUnavailable, match="forgot"):
        budget.charge(SCOPE, Amounts(tokens=1))


def test_every_key_of_an_unused_scope_vanishes_after_its_window_and_lease(client: FakeRedis) -> None:
    budget = RedisBudget(client, reseed=nothing_charged)
    budget.reserve("t", [Share(SCOPE, Amounts(1, 1))], 1800)
    budget.charge(SCOPE, Amounts(1, 1))
    for key in keys(client) - {EPOCH, SERVER}:
        assert 3600 + 1800 < client.ttl(key) < 3600 + 1800 + 120


def test_the_buckets_of_a_busy_window_are_bounded(client: FakeRedis) -> None:
    clock = ManualClock()
    budget = RedisBudget(client, clock_ms=clock, reseed=nothing_charged)
    scope = Scope("busy", (Window("tokens", 10**6, 60), Window("tokens", 10**6, 0.3)))
    for _ in range(400):
        assert budget.charge(scope, Amounts(tokens=1)) is None
        clock.advance(199)
    fields = [str(field) for field in client.hkeys("{botticelli}:budget:usage:busy")]
    assert 235 <= sum("tokens/60s@" in field for field in fields) <= 242
    assert sum("tokens/0.3s@" in field for field in fields) <= 2


def test_a_bucket_leaves_a_span_after_its_last_charge(client: FakeRedis) -> None:
    clock = ManualClock(ms=1_700_000_040_000)
    budget = RedisBudget(client, clock_ms=clock, reseed=nothing_charged)
    scope = Scope("model", SCOPE.windows[:1], guard_ms=25)
    for _ in range(2):
        clock.advance(100)
        assert budget.charge(scope, Amounts(tokens=50)) is None
    assert budget.usage(scope).windows[0].resets_after_ms == 60_025
    clock.advance(60_024)
    assert budget.usage(scope).windows[0].used == 100


def test_a_changed_guard_finds_what_was_charged_before(client: FakeRedis) -> None:
    clock = ManualClock()
    budget = RedisBudget(client, clock_ms=clock, reseed=nothing_charged)
    for guard_ms in (0, 5_000, 25):
        scope = Scope("model", SCOPE.windows, guard_ms)
        assert budget.charge(scope, Amounts(tokens=30)) is None
        clock.advance(10_000)
    assert [window.used for window in budget.usage(scope).windows] == [90, 0]
    clock.advance(60_025)
    assert [window.used for window in budget.usage(scope).windows] == [0, 0]


def test_scripts_and_words_name_the_same_metrics_in_the_same_order() -> None:
    library = (files("botticelli.budget.redis") / "lua" / "lib_windows.lua").read_text("utf-8")
    charged_at = re.findall(r"^  '(\w+)', -- (\w+)$", library, re.MULTILINE)
    assert charged_at == [(CHARGED_AT[metric], metric) for metric in METRICS]


def test_scripts_that_the_server_forgot_are_sent_again(client: FakeRedis) -> None:
    budget = RedisBudget(client, reseed=nothing_charged)
    assert budget.charge(SCOPE, Amounts(tokens=60)) is None
    client.script_flush()
    assert budget.charge(SCOPE, Amounts(tokens=60)) is not None


def test_a_client_that_decodes_gets_the_same_answers() -> None:
    server, clock = FakeServer(), ManualClock()
    budget = RedisBudget(FakeRedis(server=server, decode_responses=True), clock_ms=clock, reseed=nothing_charged)
    assert isinstance(budget.reserve("täsk", [Share(SCOPE, Amounts(1, 1))], 60), Ticket)
    assert RedisBudget(FakeRedis(server=server), clock_ms=clock, reseed=nothing_charged).usage(SCOPE) == budget.usage(
        SCOPE
    )
    assert budget.usage(SCOPE).holders == ("täsk",)


@pytest.mark.parametrize("name", FILES)
def test_each_lua_file_is_short_and_opens_with_what_it_is(name: str) -> None:
    lines = (files("botticelli.budget.redis") / "lua" / f"{name}.lua").read_text("utf-8").splitlines()
    assert len(lines) < 80
    assert lines[0].startswith("-- ")
    if name in SCRIPTS:
        header = [line for line in lines if line.startswith("--")]
        assert any(line.startswith("-- KEYS, ARGV") for line in header)
        assert any(line.startswith("-- Returns") for line in header)


OLD_STATE = (
    '{"epoch":"%d","seen":%d,"expires":%d,"blocked":0,"tickets":1,"next_lease":%d,"held":{"tokens":9},"waiting":{},'
    '"windows":{"tokens/60s":{"used":80,"leaves":%d,"head":1,"tail":1,"since":0}}}'
)


@pytest.mark.parametrize("scope", [SCOPE, Scope("model")], ids=["limited", "unlimited"])
@pytest.mark.parametrize("head", [None, '[1,"","1"]', '[3,"","1"]'])
def test_keys_of_another_version_count_as_lost(client: FakeRedis, scope: Scope, head: str | None) -> None:
    clock = ManualClock()
    soon, root = clock.ms + 60_000, "{botticelli}:budget"
    client.set(EPOCH, clock.ms - 7_200_000)
    client.hset(f"{root}:usage:model", "state", OLD_STATE % (clock.ms - 7_200_000, clock.ms, soon, soon, soon))
    client.hset(f"{root}:holds:model", "old", '{"undrawn":{"tokens":9},"draws":{}}')
    client.zadd(f"{root}:leases:model", {"old": soon})
    if head:
        client.hset(f"{root}:usage:model", "head", head)

    def fails(_: Sequence[Scope]) -> list[PastCharge]:
        raise ConnectionError("no ledger")

    if scope.windows:
        with pytest.raises(ConnectionError):
            RedisBudget(client, reseed=fails, clock_ms=clock).charge(scope, Amounts(tokens=1))
    budget = RedisBudget(client, reseed=lambda _: [PastCharge("model", Amounts(1, 1), clock.ms)], clock_ms=clock)
    usage = budget.usage(scope)
    assert (usage.tickets, usage.held, usage.holdings) == (0, Amounts(), ())
    assert [window.used for window in usage.windows] == [window.limit for window in scope.windows]
    assert budget.settle("old", "d", scope, None).outcome == "repeated"
    assert all(client.ttl(key) > 0 for key in keys(client) - {EPOCH, SERVER})


def test_a_client_without_a_pool_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidInput, match="a budget can't use a object"):
        RedisBudget(object(), reseed=None)  # type: ignore[arg-type]


def test_nobody_makes_a_budget_that_forgets_without_saying_so(client: FakeRedis) -> None:
    with pytest.raises(TypeError, match="reseed"):
        RedisBudget(client)  # type: ignore[call-arg]


def test_several_releases_reach_a_server_that_forgot_the_script_or_a_scope(client: FakeRedis) -> None:
    """A release that the server can't take yet is sent again after the script or the scope."""
    other = Scope("other", SCOPE.windows)
    budget = RedisBudget(client, reseed=nothing_charged)
    tickets = [budget.reserve(f"t{n}", [Share(scope, Amounts(2, 20))], 60) for n, scope in enumerate((SCOPE, other))]
    client.script_flush()
    client.delete(*(f"{{botticelli}}:budget:{kind}:other" for kind in ("usage", "holds", "leases")))
    budget.release_all([ticket for ticket in tickets if isinstance(ticket, Ticket)])
    assert [budget.usage(scope).held.tokens for scope in (SCOPE, other)] == [0, 0]


def test_reservation_in_the_trip_of_a_release_that_must_be_repeated_is_granted(client: FakeRedis) -> None:
    """The scripts and one of two scopes are forgotten: the release comes first again, then the reservation."""
    other = Scope("other", (Window("tokens", 20, 60),))
    budget = RedisBudget(client, reseed=nothing_charged)
    shares = [Share(scope, Amounts(1, 20)) for scope in (SCOPE, other)]
    ended = budget.reserve("ended", shares, 60)
    assert isinstance(ended, Ticket)
    client.script_flush()
    client.delete(*(f"{{botticelli}}:budget:{kind}:model" for kind in ("usage", "holds", "leases")))
    _, answer = budget.close_and_reserve(Closing(tickets=[ended]), ["next"], shares, 60)
    assert isinstance(answer, list)
    assert [budget.usage(scope).holders for scope in (SCOPE, other)] == [("next",)] * 2


def test_of_several_draws_those_that_the_server_must_be_told_something_for_are_asked_again(client: FakeRedis) -> None:
    """The scripts are forgotten, and so is one of two scopes: a draw of it is the ledger's to tell."""
    other = Scope("other", SCOPE.windows)
    rebuilt: list[str] = []

    def past(scopes: Sequence[Scope]) -> list[PastCharge]:
        rebuilt.extend(scope.name for scope in scopes)
        return []

    budget = RedisBudget(client, reseed=past)
    budget.reserve("t", [Share(scope, Amounts(2, 20)) for scope in (SCOPE, other)], 60)
    client.script_flush()
    client.delete(*(f"{{botticelli}}:budget:{kind}:other" for kind in ("usage", "holds", "leases")))
    rebuilt.clear()
    answers = budget.draw_all([DrawRequest("t", "d", scope, Amounts(1, 10)) for scope in (SCOPE, other)])
    assert [answer.scope for answer in answers if isinstance(answer, Draw)] == ["model", "other"]
    assert rebuilt == ["other"]
    assert [budget.usage(scope).windows[1].used for scope in (SCOPE, other)] == [1, 1]
