"""Measures how fast and how exact the Budget is: `python -m benchmarks.budget [--seconds N] [--json]`.

Grants per second are ratios to a bare EVALSHA with the same keys and arguments; both are measured in turns, on a
separate server.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.budget_rivals import measured, memories, print_rivals
from botticelli.budget import Amounts, RedisBudget, Scope, Share, Window, nothing_charged
from botticelli.budget.redis.checked_connections import Connections, Prepared
from botticelli.testing import spenders
from botticelli.testing.budget_cases.intervals import most_in_any_interval, use_of_a_period
from botticelli.testing.valkey import valkey_socket

PROCESSES = 8
ROUNDS = 5
PLENTY = 10**12
LIMIT_TOKENS = 10_000
GUARDS_AND_PERIODS = ((0, 2.0), (25, 2.0), (25, 10.0))
"""Guards in milliseconds, and periods in seconds. A guard matters more in a short period."""

RPM, TPM = Window("requests", PLENTY, 60), Window("tokens", PLENTY, 60)
RPD, TPD = Window("requests", PLENTY, 86_400), Window("tokens", PLENTY, 86_400)
AMOUNTS = Amounts(1, 1000)
CHARGE = "charge, four windows"
"""A call that always takes the slow path; the other cases are reservations, which mostly take the fast one."""
SHARES = {
    "one window": (Share(Scope("one", (TPM,)), AMOUNTS),),
    "four windows": (Share(Scope("four", (RPM, TPM, RPD, TPD)), AMOUNTS),),
    CHARGE: (Share(Scope("four", (RPM, TPM, RPD, TPD)), AMOUNTS),),
    "four scopes of one window": tuple(Share(Scope(f"scope{n}", (TPM,)), AMOUNTS) for n in range(4)),
}

NOTHING = "return {1, 1}"
"""A script that does nothing."""
Call = Callable[[str], Any]


@dataclass(frozen=True)
class Speed:
    """Grants and baseline calls per second of one case."""

    what: str
    processes: int
    grants_per_second: int
    bare_per_second: int
    """Bare calls by redis-py."""
    packed_per_second: int
    """Bare calls, packed and sent as the Budget does."""
    ratio: float
    """Grants to bare calls by redis-py."""


@dataclass(frozen=True)
class Exactness:
    """Grants under excess demand, as parts of the limit."""

    guard_ms: int
    period_seconds: float
    grants: int
    worst_by_draw: float
    worst_by_settle: float
    utilisation: float
    """The used part of the limit, without allowance for the guard."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="duration of each measurement (default 2)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with valkey_socket() as socket:
        speeds = [speed(socket, case, n, options.seconds) for case in SHARES for n in (1, PROCESSES)]
        exactness = [exact(socket, guard_ms, period) for guard_ms, period in GUARDS_AND_PERIODS]
        rivals = [rival for n in (1, PROCESSES) for rival in measured(socket, n, options.seconds)]
        memory = memories(socket)
    if options.json:
        print(
            json.dumps(
                {
                    "speed": [asdict(s) for s in speeds],
                    "exactness": [asdict(e) for e in exactness],
                    "rivals": [asdict(r) for r in rivals],
                    "memory": [asdict(m) for m in memory],
                }
            )
        )
    else:
        print_table(speeds, exactness)
        print_rivals(rivals, memory)


def speed(socket: str, case: str, processes: int, seconds: float) -> Speed:
    """Measure bare calls and grants in turns, so that both meet the same load of the machine."""
    bare = light = grants = 0
    for _ in range(ROUNDS):
        bare += calls(socket, bare_call, case, processes, seconds / ROUNDS)
        light += calls(socket, packed_call, case, processes, seconds / ROUNDS)
        grants += calls(socket, granted_call, case, processes, seconds / ROUNDS)
    return Speed(
        case, processes, round(grants / seconds), round(bare / seconds), round(light / seconds), round(grants / bare, 2)
    )


def granted_call(client: Redis, case: str) -> Call:
    budget = RedisBudget(client, reseed=nothing_charged)
    for share in SHARES[case]:
        budget.charge(share.scope, share.amounts)
    return spending(budget, case)


def spending(budget: RedisBudget, case: str) -> Call:
    shares = SHARES[case]
    if case == CHARGE:
        return lambda _: budget.charge(shares[0].scope, shares[0].amounts)
    return lambda ticket_id: budget.reserve(ticket_id, shares, lease_seconds=600)


def bare_call(client: Redis, case: str) -> Call:
    """Call a script that does nothing through redis-py, with the same keys and arguments that the Budget sends."""
    recorder = Recorder(client, reseed=nothing_charged)
    spending(recorder, case)("7-12345")
    script = client.register_script(NOTHING)
    keys, arguments = recorder.lasting.keys, [recorder.lasting.limits, *recorder.others]
    return lambda _: script(keys, arguments)


def packed_call(client: Redis, case: str) -> Call:
    """Call the same script, sent as the Budget sends its own."""
    recorder = Recorder(client, reseed=nothing_charged)
    spending(recorder, case)("7-12345")
    connections = Connections(client, ("bench:epoch", "bench:server"))
    script = connections.client.register_script(NOTHING)
    return lambda _: connections.run_all([(script, (recorder.lasting, recorder.others))])


class Recorder(RedisBudget):
    """Records the call that a budget would send."""

    def _send(self, calls: Sequence[tuple[str, Prepared]]) -> list[Any]:
        [(_, (self.lasting, self.others))] = calls
        return [[1, 1]]


def calls(socket: str, make_call: Callable[[Redis, str], Call], case: str, processes: int, seconds: float) -> int:
    """Count the calls of all processes together; the server is emptied first."""
    with Redis(unix_socket_path=socket) as client:
        client.flushall()
    fork = multiprocessing.get_context("fork")
    barrier, counts = fork.Barrier(processes), fork.SimpleQueue()

    def repeat(number: int) -> None:
        with Redis(unix_socket_path=socket) as client:
            call = make_call(client, case)
            call(f"{number}-first")
            barrier.wait()
            count, end = 0, time.monotonic() + seconds
            while time.monotonic() < end:
                call(f"{number}-{count}")
                count += 1
            counts.put(count)

    started = [fork.Process(target=repeat, args=(number,)) for number in range(processes)]
    for process in started:
        process.start()
    total: int = sum(counts.get() for _ in started)
    for process in started:
        process.join()
    return total


def exact(socket: str, guard_ms: int, period_seconds: float) -> Exactness:
    """Compare the grants of all processes under excess demand with the limit, over six periods."""
    window = Window("tokens", LIMIT_TOKENS, period_seconds)
    scope, period_ms = Scope(f"guard {guard_ms} of {period_seconds}", (window,), guard_ms), window.period_ms
    with tempfile.TemporaryDirectory() as folder:
        demand = spenders.Demand(socket, (scope,), 6 * period_seconds, most_tokens=LIMIT_TOKENS // 50)
        for process in spenders.start(demand, PROCESSES, Path(folder)):
            process.join()
        granted = spenders.grants(Path(folder))
    by_settle = [(grant.settled_at_ms, grant.tokens) for grant in granted]
    return Exactness(
        guard_ms,
        period_seconds,
        len(granted),
        round(most_in_any_interval([(g.drawn_at_ms, g.tokens) for g in granted], period_ms) / LIMIT_TOKENS, 3),
        round(most_in_any_interval(by_settle, period_ms) / LIMIT_TOKENS, 3),
        round(use_of_a_period(by_settle, period_ms) / LIMIT_TOKENS, 3),
    )


def print_table(speeds: list[Speed], exactness: list[Exactness]) -> None:
    print(f"{'reserve':28}{'processes':>10}{'grants/s':>10}{'bare/s':>10}{'packed/s':>10}{'ratio':>7}")
    for s in speeds:
        print(
            f"{s.what:28}{s.processes:10}{s.grants_per_second:10,}{s.bare_per_second:10,}{s.packed_per_second:10,}{s.ratio:7.2f}"
        )
    print(f"\nexcess demand, {PROCESSES} processes, {LIMIT_TOKENS:,} tokens in a period")
    print(
        f"{'guard ms':>10}{'period s':>10}{'grants':>10}{'worst by draw':>15}{'worst by settle':>17}{'utilisation':>13}"
    )
    for e in exactness:
        print(
            f"{e.guard_ms:10}{e.period_seconds:10g}{e.grants:10,}{e.worst_by_draw:15.3f}{e.worst_by_settle:17.3f}{e.utilisation:13.3f}"
        )


if __name__ == "__main__":
    main()
