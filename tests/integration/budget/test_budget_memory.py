"""What a scope takes in the server after many grants, with windows of every kind and metric: a bounded amount."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from redis import Redis

from botticelli.budget import Amounts, RedisBudget, Scope, Window, nothing_charged
from botticelli.budget.scripts import source
from botticelli.testing.clock import ManualClock

GRANTS = int(os.environ.get("GRANTS", "60_000"))  # make million: 1,000,000
AT_ONCE, STEP_MS = 4_000, 2_900
"""Spread over two days, so that every window has been full of buckets, and lets go of them."""
BOUND_BYTES = 40_000
"""For each sliding window; 1,000 for each other one, and 1,000 for the scope: docs/reference/budget.md says the same."""
OTHER_BYTES = 1_000
PLENTY = 10**12
DAY = 86_400
SLIDING = (Window("tokens", PLENTY, DAY),)
OTHERS = (
    Window("requests", PLENTY, DAY, "fixed"),
    Window("requests", PLENTY, DAY, "calendar", "UTC"),
    Window("requests", PLENTY, DAY, "bucket"),
)
SCOPE = Scope("busy", (*SLIDING, *OTHERS))
ASKED = Amounts(1, 1234)


def memory_bytes(client: Redis) -> int:
    return sum(int(client.memory_usage(key, samples=0) or 0) for key in client.scan_iter("*busy"))


def test_so_many_grants_take_no_more_than_the_bound(socket: str) -> None:
    clock = ManualClock()
    called: list[tuple[Sequence[str], Sequence[str]]] = []
    with Redis(unix_socket_path=socket) as client:
        budget = RedisBudget(client, reseed=nothing_charged, clock_ms=clock)
        assert budget.charge(SCOPE, ASKED) is None
        charge = budget._scripts["charge"]
        budget._scripts["charge"] = lambda keys, arguments: called.append((keys, arguments)) or [1]  # type: ignore
        assert budget.charge(SCOPE, ASKED) is None
        budget._scripts["charge"] = charge
        [(keys, arguments)] = called
        libraries, gate, rest = source("charge").partition("-- Library: no call passes")
        bulk = client.register_script(
            f"{libraries}local function once()\n{gate}{rest}\nend\nlocal granted, begin = 0, asked[scope_count + 1]\n"
            f"for n = 1, {AT_ONCE} do\nasked[scope_count + 1] = begin + n * {STEP_MS}\n"
            "granted = granted + once()[1]\nend\nreturn granted"
        )
        most = granted = 0
        while granted < GRANTS:
            [limits, asked] = arguments
            granted += bulk(keys, [limits, json.dumps([*json.loads(asked)[:-1], clock.ms])])
            clock.advance(AT_ONCE * STEP_MS)
            most = max(most, memory_bytes(client))
        usage = budget.usage(SCOPE)
        budget.close()
    print(f"{most} bytes after {granted} grants")
    assert granted == GRANTS
    assert usage.windows[0].used >= DAY * 1000 // STEP_MS
    assert BOUND_BYTES * len(SLIDING) // 10 < most <= BOUND_BYTES * len(SLIDING) + OTHER_BYTES * (len(OTHERS) + 1)
