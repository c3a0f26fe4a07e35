"""Compares the Budget with other limiters on the same server: `python -m benchmarks.budget_rivals [--seconds N] [--json]`.

Speed is measured over four windows: in one call for the Budget, LiteLLM's scripts and token-throttle, and in one call for
each window for all others, which can't return what the first windows granted when the last one refuses. The others are
the dependency group `bench` of pyproject.toml, and litellm without its dependencies. Missing ones are listed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module
from itertools import count
from threading import Event
from typing import Any

from redis import Redis

from benchmarks.limiters import litellm_limiter, token_throttle_limiter
from botticelli.budget import Amounts, RedisBudget, Refusal, Scope, Share, Window, nothing_charged
from botticelli.testing.budget_cases.intervals import most_in_any_interval
from botticelli.testing.valkey import valkey_socket

PROCESSES = 8
ROUNDS = 5
PLENTY = 10**9
LIMIT = 400
PERIOD_SECONDS = 2
POLL_SECONDS = 0.005
FEW, MANY = 200, 2_000
"""Numbers of grants that are spread over one period before the memory is read."""

Acquire = Callable[[], float]
"""Takes one request; returns 0 when it is granted, else the seconds until the next try."""
Make = Callable[[str, int, int], Acquire]
"""Makes an Acquire from a socket, a limit per PERIOD_SECONDS, and the number of windows that each request must pass."""


@dataclass(frozen=True)
class Rival:
    """Speed and exactness of one limiter. `worst` and `utilisation` are parts of the limit."""

    name: str
    processes: int
    grants_per_second: int
    worst: float
    utilisation: float
    asked_per_grant: float


@dataclass(frozen=True)
class Memory:
    """Bytes of all keys of one scope with one window on the server, after few and after many grants in a period."""

    name: str
    after_few: int
    after_many: int


def budget(socket: str, limit: int, windows: int) -> Acquire:
    budget = RedisBudget(Redis(unix_socket_path=socket), reseed=nothing_charged)
    scope = Scope("rival", tuple(Window("requests", limit, period) for period in periods(windows)), guard_ms=0)
    shares, numbers = [Share(scope, Amounts(1))], count()

    def reserve() -> float:
        return float(isinstance(budget.reserve(f"{os.getpid()}:{next(numbers)}", shares, 60), Refusal))

    def charge() -> float:
        refusal = budget.charge(scope, Amounts(1))
        return (refusal.retry_after_ms or 0) / 1000 if refusal else 0.0

    return reserve if limit == PLENTY else charge


def periods(windows: int) -> list[int]:
    return [PERIOD_SECONDS * 30**n for n in range(windows)]


def one_after_the_other(limiters: list[Callable[[], bool]]) -> Acquire:
    return lambda: 0.0 if all([limiter() for limiter in limiters]) else POLL_SECONDS


def limits(strategy: str) -> Make:
    def make(socket: str, limit: int, windows: int) -> Acquire:
        library = import_module("limits")
        storage = import_module("limits.storage").storage_from_string(f"redis+unix://{socket}")
        limiter = getattr(import_module("limits.strategies"), strategy)(storage)
        item = library.RateLimitItemPerSecond(limit, PERIOD_SECONDS)
        return one_after_the_other([partial(limiter.hit, item, f"rival{n}") for n in range(windows)])

    return make


def throttled(algorithm: str) -> Make:
    def make(socket: str, limit: int, windows: int) -> Acquire:
        library = import_module("throttled")
        store = library.RedisStore(server=f"unix://{socket}")
        quota = library.per_duration(timedelta(seconds=PERIOD_SECONDS), limit)
        limiters = [
            library.Throttled(key=f"rival{n}", using=algorithm, quota=quota, store=store) for n in range(windows)
        ]
        return one_after_the_other([partial(granted_by, limiter) for limiter in limiters])

    return make


def granted_by(limiter: Any) -> bool:
    return not limiter.limit().limited


def pyrate(socket: str, limit: int, windows: int) -> Acquire:
    library = import_module("pyrate_limiter")
    rates, client = [library.Rate(limit, PERIOD_SECONDS * 1000)], Redis(unix_socket_path=socket)
    limiters = [library.Limiter(library.RedisBucket.init(rates, client, f"rival{n}")) for n in range(windows)]
    return one_after_the_other([partial(limiter.try_acquire, "one", blocking=False) for limiter in limiters])


def litellm(script: Callable[[Redis, int, int, int], Callable[[], bool]]) -> Make:
    def make(socket: str, limit: int, windows: int) -> Acquire:
        return one_after_the_other([script(Redis(unix_socket_path=socket), limit, PERIOD_SECONDS, windows)])

    return make


def token_throttle(socket: str, limit: int, windows: int) -> Acquire:
    """Use token-throttle, which waits by itself, and is called again soon when that took too long."""
    acquire = token_throttle_limiter.acquiring(Redis(unix_socket_path=socket), limit, periods(windows))
    return lambda: 0.0 if acquire(1) else POLL_SECONDS


RIVALS: dict[str, Make] = {
    "Botticelli": budget,
    "limits fixed": limits("FixedWindowRateLimiter"),
    "limits moving": limits("MovingWindowRateLimiter"),
    "throttled-py gcra": throttled("gcra"),
    "throttled-py sliding": throttled("sliding_window"),
    "pyrate-limiter": pyrate,
    "LiteLLM v3 counting": litellm(litellm_limiter.counting),
    "LiteLLM v3 reserving": litellm(litellm_limiter.reserving),
    token_throttle_limiter.NAME: token_throttle,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="duration of each measurement of speed (default 2)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with valkey_socket() as socket:
        rivals = [rival for n in (1, PROCESSES) for rival in measured(socket, n, options.seconds)]
        memory = memories(socket)
    if options.json:
        print(json.dumps({"rivals": [asdict(r) for r in rivals], "memory": [asdict(m) for m in memory]}))
    else:
        print_rivals(rivals, memory)


def measured(socket: str, processes: int, seconds: float) -> list[Rival]:
    """Measure all installed limiters: speed with limits that are never reached, in turns, then exactness."""
    names = [name for name in RIVALS if is_installed(socket, name)]
    fast = dict.fromkeys(names, 0)
    for _ in range(ROUNDS):
        for name in names:
            granted, _ = spend(socket, name, PLENTY, 4, processes=processes, seconds=seconds / ROUNDS)
            fast[name] += len(granted)
    return [exact(socket, name, processes, round(fast[name] / seconds)) for name in names]


def is_installed(socket: str, name: str) -> bool:
    try:
        RIVALS[name](socket, PLENTY, 1)
    except ModuleNotFoundError:
        return False
    return True


def exact(socket: str, name: str, processes: int, grants_per_second: int) -> Rival:
    """Measure the worst interval and the utilisation under excess demand, by this machine's clock.

    The first period isn't counted in the utilisation.
    """
    period_ms = PERIOD_SECONDS * 1000
    granted, attempts = spend(socket, name, LIMIT, 1, processes=processes, seconds=4 * PERIOD_SECONDS)
    begin = min(granted) + period_ms
    later = [at_ms for at_ms in granted if begin <= at_ms < begin + 2 * period_ms]
    worst = most_in_any_interval([(at_ms, 1) for at_ms in granted], period_ms) / LIMIT
    used = len(later) / 2 / LIMIT
    return Rival(name, processes, grants_per_second, round(worst, 3), round(used, 3), round(attempts / len(granted), 1))


def spend(socket: str, name: str, limit: int, windows: int, *, processes: int, seconds: float) -> tuple[list[int], int]:
    """Return when each grant arrived (this machine's clock, ms), and the number of attempts of all processes."""
    with Redis(unix_socket_path=socket) as client:
        client.flushall()
    fork = multiprocessing.get_context("fork")
    barrier, answers = fork.Barrier(processes), fork.SimpleQueue()

    def repeat() -> None:
        acquire = RIVALS[name](socket, limit, windows)
        barrier.wait()
        granted, attempts, end = [], 0, time.monotonic() + seconds
        while time.monotonic() < end:
            attempts += 1
            wait_seconds = acquire()
            if wait_seconds:
                Event().wait(min(wait_seconds, max(0.0, end - time.monotonic())))
            elif time.monotonic() < end:
                granted.append(time.time_ns() // 1_000_000)
        answers.put((granted, attempts))

    started = [fork.Process(target=repeat) for _ in range(processes)]
    for process in started:
        process.start()
    everything = [answers.get() for _ in started]
    for process in started:
        process.join()
    return [at_ms for granted, _ in everything for at_ms in granted], sum(attempts for _, attempts in everything)


def memories(socket: str) -> list[Memory]:
    names = [name for name in RIVALS if is_installed(socket, name)]
    return [Memory(name, memory_bytes(socket, name, FEW), memory_bytes(socket, name, MANY)) for name in names]


def memory_bytes(socket: str, name: str, grants: int) -> int:
    """Measure after grants spread over nine tenths of a period: all time buckets are in use, and none has expired."""
    with Redis(unix_socket_path=socket) as client:
        client.flushall()
        acquire = RIVALS[name](socket, 2 * grants, 1)
        begin, step = time.monotonic(), 0.9 * PERIOD_SECONDS / grants
        for n in range(grants):
            Event().wait(max(0.0, begin + n * step - time.monotonic()))
            acquire()
        return sum(int(client.memory_usage(key, samples=0) or 0) for key in client.scan_iter())


def print_rivals(rivals: list[Rival], memory: list[Memory]) -> None:
    print(f"\ngrants over four windows; then excess demand on one window of {LIMIT} in {PERIOD_SECONDS} s")
    print(f"{'limiter':24}{'processes':>10}{'grants/s':>10}{'worst':>8}{'utilisation':>13}{'asked/grant':>13}")
    for r in rivals:
        print(
            f"{r.name:24}{r.processes:10}{r.grants_per_second:10,}{r.worst:8.3f}{r.utilisation:13.3f}"
            f"{r.asked_per_grant:13.1f}"
        )
    print(f"\nbytes on the server of one scope with one window, after {FEW:,} and {MANY:,} grants in a period")
    for m in memory:
        print(f"{m.name:24}{m.after_few:10,}{m.after_many:10,}")
    print_missing(RIVALS.keys() - {r.name for r in rivals})


def print_missing(names: Collection[str]) -> None:
    """Print which limiters were not measured, why, and what to install."""
    young_enough = sys.version_info >= token_throttle_limiter.PYTHON
    if token_throttle_limiter.NAME in names and not young_enough:
        print(f"{token_throttle_limiter.NAME} is not measured: it needs Python 3.12")
        names = set(names) - {token_throttle_limiter.NAME}
    scripts = {name for name in names if name.startswith("LiteLLM")}
    if libraries := sorted(set(names) - scripts):
        print(f"not installed (`pip install --group bench`, pip 25.1 or newer): {', '.join(libraries)}")
    if scripts:
        print("LiteLLM's scripts are not measured: no litellm that has them is installed")
        print("(`pip install --no-deps litellm`; 1.109 has them).")


if __name__ == "__main__":
    main()
