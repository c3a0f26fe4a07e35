"""The short way of a reservation: taken only when the heads of the scopes show everything, and no other than the long way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer
from redis.commands.core import Script

from botticelli.budget import Amounts, RedisBudget, Refusal, Scope, Share, Window, nothing_charged
from botticelli.budget.redis import scripts
from botticelli.testing.budget_cases.clock import ManualClock

SCOPE = Scope("model", (Window("requests", 10, 60), Window("tokens", 1000, 60), Window("tokens", 5000, 600, "fixed")))
LOWER = Scope("model", (Window("requests", 9, 60), *SCOPE.windows[1:]))
DAY = Scope("day", (Window("requests", 10, 86_400, "calendar", "UTC"), Window("requests", 10, 1, "bucket")))
USAGE = "{botticelli}:budget:usage:model"
ASKED = Amounts(1, 100)
LEASE_SECONDS = 30.0
TOOK_THE_LONG_WAY = "return {1, -7}"


def one_way(client: FakeRedis, *, short: bool) -> Script:
    """The script of `reserve` without its long way (`short`), or without its short one."""
    folder = files("botticelli.budget.redis") / "lua"
    call, quick = ((folder / f"{name}.lua").read_text("utf-8") for name in (scripts.CALL, "lib_quick"))
    whole = scripts.source("reserve")
    assert whole.startswith(f"{call}\n{quick}")
    return client.register_script(f"{call}\n{quick}\n{TOOK_THE_LONG_WAY}" if short else whole.replace(quick, ""))


class World:
    def __init__(self) -> None:
        self.client, self.clock = FakeRedis(server=FakeServer()), ManualClock(1_700_000_000_000)
        self.budget = RedisBudget(self.client, clock_ms=self.clock, reseed=nothing_charged)
        self.scripts = self.budget._scripts
        self.whole = self.scripts["reserve"]

    def hold(self, ticket: str, *scopes: Scope) -> bool:
        """Whether the budget granted it."""
        answer = self.budget.reserve(ticket, [Share(scope, ASKED) for scope in scopes], LEASE_SECONDS)
        return not isinstance(answer, Refusal)

    def short(self, *scopes: Scope, amounts: Amounts = ASKED, lease_seconds: float = LEASE_SECONDS) -> bool:
        """Whether a reservation takes the short way now."""
        before = self.dump()
        self.scripts["reserve"] = one_way(self.client, short=True)
        answer = self.budget.reserve("new", [Share(scope, amounts) for scope in scopes], lease_seconds)
        self.scripts["reserve"] = self.whole
        assert not isinstance(answer, Refusal)
        took_it = answer.lease_until_ms != -7
        assert took_it or self.dump() == before
        return took_it

    def dump(self) -> dict[bytes, Any]:
        return {key: everything(self.client, key) for key in self.client.scan_iter()}


def everything(client: FakeRedis, key: bytes) -> Any:
    if client.type(key) == b"string":
        return client.get(key)
    if client.type(key) == b"hash":
        fields = client.hgetall(key)
        packed = {field: json.loads(fields.pop(field)) for field in (b"head", b"state") if field in fields}
        return fields, packed, client.pttl(key) > 0
    return client.zrange(key, 0, -1, withscores=True), client.pttl(key) > 0


@pytest.fixture
def world() -> World:
    world = World()
    assert world.hold("first", SCOPE, DAY)
    return world


@pytest.mark.parametrize("scopes", [(SCOPE,), (DAY,), (SCOPE, DAY), (DAY, SCOPE)])
def test_short_way_is_taken_when_nothing_has_happened(world: World, scopes: tuple[Scope, ...]) -> None:
    assert world.short(*scopes)


HAPPENINGS: dict[str, Callable[[World], object]] = {
    "a lease has run out": lambda world: world.clock.advance(30_000),
    "the clock went back": lambda world: [world.clock.advance(9), world.budget.usage(SCOPE), world.clock.advance(-1)],
    "the epoch is another": lambda world: world.client.set("{botticelli}:budget:epoch", "7"),
    "the epoch is gone": lambda world: world.client.delete("{botticelli}:budget:epoch"),
    "the scope is gone": lambda world: world.client.delete(USAGE),
    "the head is of another version": lambda world: world.client.hset(
        USAGE, "head", world.client.hget(USAGE, "head").replace(b"[2,", b"[1,")
    ),
    "the scope is closed": lambda world: world.budget.block_until(SCOPE, 5_000),
    "the last ticket has gone": lambda world: world.budget.release("first", [SCOPE]),
    "the limits were others": lambda world: world.budget.usage(LOWER),
    "the ticket is known": lambda world: world.hold("new", SCOPE),
    "somebody waits": lambda world: [world.hold(f"t{n}", SCOPE) for n in range(12)],
    "all is charged": lambda world: world.budget.charge(SCOPE, Amounts(tokens=850)),
}


@pytest.mark.parametrize("happening", HAPPENINGS)
def test_short_way_is_not_taken_when(world: World, happening: str) -> None:
    assert world.short(SCOPE)
    world.budget.release("new", [SCOPE])
    HAPPENINGS[happening](world)
    assert not world.short(SCOPE)
    assert not world.short(DAY, SCOPE)


def test_short_way_is_not_taken_when_a_charge_has_left_or_a_day_has_ended() -> None:
    world = World()
    world.budget.reserve("long", [Share(SCOPE, ASKED), Share(DAY, ASKED)], 200_000)
    world.budget.charge(SCOPE, ASKED)
    assert world.short(SCOPE, lease_seconds=200_000) and world.short(DAY, lease_seconds=200_000)
    world.budget.release("new", [SCOPE, DAY])
    world.clock.advance(60_025)
    assert not world.short(SCOPE, lease_seconds=199_960)
    assert world.short(DAY, lease_seconds=199_960)
    world.budget.release("new", [DAY])
    world.clock.advance(50 * 3_600_000)
    assert not world.short(DAY, lease_seconds=19_960)


def test_short_way_is_not_taken_without_keys_or_leases(world: World) -> None:
    assert not world.short(SCOPE, lease_seconds=LEASE_SECONDS - 1)
    assert not world.short(SCOPE, lease_seconds=LEASE_SECONDS + 51)
    assert not world.short(SCOPE, amounts=Amounts(tokens=901))
    assert not world.short(SCOPE, DAY, amounts=Amounts(requests=10))
    assert world.short(SCOPE, DAY, amounts=Amounts(9, 900))


def test_several_tickets_take_it_together_or_not_at_all(world: World) -> None:
    several = [f"t{n}" for n in range(9)]
    world.scripts["reserve"] = one_way(world.client, short=True)
    took_it = world.budget.reserve_all(several, [Share(SCOPE, ASKED)], LEASE_SECONDS)
    assert isinstance(took_it, list) and len(took_it) == 9 and took_it[0].lease_until_ms != -7
    before = world.dump()
    for known in (["t8", "new"], ["new", "t8"]):
        did_not = world.budget.reserve_all(known, [Share(SCOPE, Amounts())], LEASE_SECONDS)
        assert isinstance(did_not, list) and did_not[0].lease_until_ms == -7
    did_not = world.budget.reserve_all(["new", "newer"], [Share(DAY, Amounts(5))], LEASE_SECONDS)
    assert isinstance(did_not, list) and did_not[0].lease_until_ms == -7
    assert world.dump() == before


def test_both_ways_leave_the_same_behind() -> None:
    choose = random.Random(7)
    both, long = World(), World()
    long.scripts["reserve"] = one_way(long.client, short=False)
    for turn in range(80):
        requested, lease_seconds, ms = (
            Amounts(1, choose.randint(0, 300)),
            choose.choice((20, 30, 90)),
            choose.choice((1, 900)),
        )
        scopes, step = choose.choice(((SCOPE,), (SCOPE, DAY))), choose.choice(("reserve",) * 4 + ("release", "charge"))
        answers = []
        for world in (both, long):
            world.clock.advance(ms)
            if step == "reserve":
                tickets = [f"t{turn}"] if turn % 3 else [f"t{turn}", f"t{turn - 1}", f"and{turn}"]
                answers.append(world.budget.reserve_all(tickets, [Share(s, requested) for s in scopes], lease_seconds))
            elif step == "release":
                world.budget.release(f"t{turn - 1}", scopes)
            else:
                world.budget.charge(SCOPE, Amounts(1, 10))
        assert answers[:1] == answers[1:]
        assert both.dump() == long.dump()
