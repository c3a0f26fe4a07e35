"""Measures how often a large request is granted among small ones: `python -m benchmarks.budget_fairness`.

One process repeatedly requests 40 % of a window at once; seven request one hundredth all the time. One turn is due in
each period. Limiters that aren't installed (dependency group `bench`, litellm) are listed as missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib import import_module
from itertools import count, pairwise
from threading import Event

from redis import Redis

from benchmarks.budget_rivals import print_missing
from benchmarks.limiters import litellm_limiter, token_throttle_limiter
from botticelli.budget import Amounts, Draw, RedisBudget, Refusal, Scope, Share, Window, nothing_charged
from botticelli.testing.valkey import valkey_socket

LIMIT, PERIOD_SECONDS, PERIODS = 400, 2, 12
LARGE, SMALL, SMALL_CLIENTS = 160, 4, 7
POLL_SECONDS = 0.005

Acquire = Callable[[int], float]
"""Takes an amount; returns 0 when it is granted, else the seconds until the next try."""


@dataclass(frozen=True)
class Fairness:
    """How often the large client was granted, and how often it was due."""

    name: str
    turns: int
    due: int
    longest_wait_seconds: float
    """The longest wait of the large client, including one that the end of the measurement cut off."""


def budget(socket: str) -> Acquire:
    budget = RedisBudget(Redis(unix_socket_path=socket), reseed=nothing_charged)
    scope, numbers = Scope("fair", (Window("requests", LIMIT, PERIOD_SECONDS),), guard_ms=0), count()
    ticket_id = f"{os.getpid()}:{next(numbers)}"

    def acquire(amount: int) -> float:
        """Request the same ticket until it is granted, so that it keeps its place in the queue."""
        nonlocal ticket_id
        answer = budget.reserve(ticket_id, [Share(scope, Amounts(amount))], 60)
        if isinstance(answer, Refusal):
            return (answer.retry_after_ms or 0) / 1000
        assert isinstance(budget.draw(ticket_id, "d", scope, Amounts(amount)), Draw)
        budget.settle(ticket_id, "d", scope, Amounts(amount))
        budget.release(ticket_id, [scope])
        ticket_id = f"{os.getpid()}:{next(numbers)}"
        return 0.0

    return acquire


def limits(strategy: str) -> Callable[[str], Acquire]:
    def make(socket: str) -> Acquire:
        storage = import_module("limits.storage").storage_from_string(f"redis+unix://{socket}")
        limiter = getattr(import_module("limits.strategies"), strategy)(storage)
        item = import_module("limits").RateLimitItemPerSecond(LIMIT, PERIOD_SECONDS)
        return lambda amount: 0.0 if limiter.hit(item, "fair", cost=amount) else POLL_SECONDS

    return make


def throttled(algorithm: str) -> Callable[[str], Acquire]:
    def make(socket: str) -> Acquire:
        library = import_module("throttled")
        quota = library.per_duration(timedelta(seconds=PERIOD_SECONDS), LIMIT)
        store = library.RedisStore(server=f"unix://{socket}")
        limiter = library.Throttled(key="fair", using=algorithm, quota=quota, store=store)
        return lambda amount: POLL_SECONDS if limiter.limit(cost=amount).limited else 0.0

    return make


def pyrate(socket: str) -> Acquire:
    library = import_module("pyrate_limiter")
    bucket = library.RedisBucket.init(
        [library.Rate(LIMIT, PERIOD_SECONDS * 1000)], Redis(unix_socket_path=socket), "fair"
    )
    limiter = library.Limiter(bucket)
    return lambda amount: 0.0 if limiter.try_acquire("one", weight=amount, blocking=False) else POLL_SECONDS


def litellm(socket: str) -> Acquire:
    """Use the script that reserves, since the one that counts takes one request at a time."""
    take = litellm_limiter.reserving_many(Redis(unix_socket_path=socket), LIMIT, PERIOD_SECONDS, 1)
    return lambda amount: 0.0 if take(amount) else POLL_SECONDS


def token_throttle(socket: str) -> Acquire:
    acquire = token_throttle_limiter.acquiring(Redis(unix_socket_path=socket), LIMIT, [PERIOD_SECONDS])
    return lambda amount: 0.0 if acquire(amount) else POLL_SECONDS


CLIENTS: dict[str, Callable[[str], Acquire]] = {
    "Botticelli": budget,
    "limits fixed": limits("FixedWindowRateLimiter"),
    "limits moving": limits("MovingWindowRateLimiter"),
    "throttled-py gcra": throttled("gcra"),
    "throttled-py sliding": throttled("sliding_window"),
    "pyrate-limiter": pyrate,
    "LiteLLM v3 reserving": litellm,
    token_throttle_limiter.NAME: token_throttle,
}


def fairness(socket: str, name: str) -> Fairness:
    with Redis(unix_socket_path=socket) as client:
        client.flushall()
    fork = multiprocessing.get_context("fork")
    barrier, answers = fork.Barrier(SMALL_CLIENTS + 1), fork.SimpleQueue()

    def repeat(amount: int) -> None:
        acquire = CLIENTS[name](socket)
        barrier.wait()
        begin = time.monotonic()
        end, granted = begin + PERIODS * PERIOD_SECONDS, [begin]
        while (now := time.monotonic()) < end:
            wait_seconds = acquire(amount)
            if wait_seconds:
                Event().wait(min(wait_seconds, max(0.0, end - now)))
            elif (granted_at := time.monotonic()) < end:
                granted.append(granted_at)
        if amount == LARGE:
            answers.put([*granted, end])

    started = [fork.Process(target=repeat, args=(amount,)) for amount in [LARGE, *[SMALL] * SMALL_CLIENTS]]
    for process in started:
        process.start()
    moments = answers.get()
    for process in started:
        process.join()
    longest = max(later - before for before, later in pairwise(moments))
    return Fairness(name, len(moments) - 2, PERIODS, round(longest, 1))


def is_installed(socket: str, name: str) -> bool:
    try:
        CLIENTS[name](socket)
    except ModuleNotFoundError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with valkey_socket() as socket:
        results = [fairness(socket, name) for name in CLIENTS if is_installed(socket, name)]
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
        return
    print(f"{LARGE} of {LIMIT} in {PERIOD_SECONDS} s among {SMALL_CLIENTS} clients that want {SMALL} at a time")
    print(f"{'limiter':24}{'turns':>8}{'due':>6}{'longest wait s':>16}")
    for result in results:
        print(f"{result.name:24}{result.turns:8}{result.due:6}{result.longest_wait_seconds:16.1f}")
    print_missing(CLIENTS.keys() - {result.name for result in results})


if __name__ == "__main__":
    main()
