"""A scope takes a bounded amount of memory in the server after many grants, with windows of every kind."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pytest
from redis import Redis

from botticelli.budget import Amounts, RedisBudget, Scope, Window, nothing_charged
from botticelli.budget.redis.checked_connections import Prepared
from botticelli.budget.redis.scripts import GATE, source
from botticelli.testing.budget_cases.clock import ManualClock

GRANTS = int(os.environ.get("GRANTS", "60_000"))  # make million: 1,000,000
AT_ONCE, STEP_MS = 4_000, 2_900
"""60,000 grants take two days of the scope's clock: every window has been full of buckets, and lets go of them."""
SLIDING_BYTES, OTHER_BYTES, SCOPE_BYTES = 22_000, 250, 500
"""The bounds for each window and for the scope besides: docs/reference/budget.md says the same."""
PLENTY = 10**12
DAY = 86_400
SLIDING = (Window("tokens", PLENTY, DAY),)
OTHERS = (
    Window("requests", PLENTY, DAY, "fixed"),
    Window("requests", PLENTY, DAY, "calendar", "UTC"),
    Window("requests", PLENTY, DAY, "bucket"),
)
ASKED = Amounts(1, 1234)


class Recorder(RedisBudget):
    """Keeps what it sent last."""

    def _send(self, calls: Sequence[tuple[str, Prepared]]) -> list[Any]:
        _, self.sent = calls[-1]
        return super()._send(calls)


def memory_bytes(client: Redis) -> int:
    return sum(int(client.memory_usage(key, samples=0) or 0) for key in client.scan_iter("*busy"))


def bulk_source() -> str:
    """Return the script `charge` in a loop on the server, with a later time in each turn.

    It answers with its grants, and ends early at a midnight that the call did not bring along.
    """
    charge = source("charge")
    at = charge.index((files("botticelli.budget.redis") / "lua" / f"{GATE}.lua").read_text("utf-8"))
    return (
        f"{charge[:at]}local function once()\n{charge[at:]}\nend\nlocal granted, begin = 0, asked[scope_count + 1]\n"
        f"for n = 1, {AT_ONCE} do\nasked[scope_count + 1] = begin + n * {STEP_MS}\n"
        "if once()[1] ~= 1 then return granted end\ngranted = granted + 1\nend\nreturn granted"
    )


@pytest.mark.parametrize(
    ("windows", "grants", "bound"),
    [(SLIDING, GRANTS, SLIDING_BYTES), (OTHERS, GRANTS // 10, OTHER_BYTES * len(OTHERS))],
    ids=["sliding", "others"],
)
def test_so_many_grants_take_no_more_than_the_bound(
    socket: str, windows: tuple[Window, ...], grants: int, bound: int
) -> None:
    clock, scope = ManualClock(), Scope("busy", windows)
    most = granted = 0
    with Redis(unix_socket_path=socket) as client:
        budget = Recorder(client, reseed=nothing_charged, clock_ms=clock)
        bulk = client.register_script(bulk_source())
        while granted < grants:
            assert budget.charge(scope, ASKED) is None
            lasting, (arguments, *_) = budget.sent
            in_bulk = bulk(lasting.keys, [lasting.limits, json.dumps([*json.loads(str(arguments))[:-1], clock.ms])])
            granted += 1 + in_bulk
            clock.advance((1 + in_bulk) * STEP_MS)
            most = max(most, memory_bytes(client))
        used = budget.usage(scope).windows[0].used
        budget.close()
    print(f"{most} bytes after {granted:,} grants")
    assert used > 0
    assert bound // 2 < most <= bound + SCOPE_BYTES
