"""The faults of the campaign, by name. Each returns when the damage is done and nothing is held any more."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from botticelli.messages import Publication, publish_iterations, run_id_for
from botticelli.testing.discord import Fault as DiscordFault
from tests.chaos.fleet.cluster import LEASE_SECONDS, Cluster
from tests.chaos.fleet.world import REACHED
from tests.support.waiting import wait_until

LONGER_THAN_LEASE_SECONDS = LEASE_SECONDS * 1.6
HANG_SECONDS = 25
"""More than the driver waits for an answer."""

Fault = Callable[[Cluster, random.Random, list[str]], int]
"""Given the tags of the runs that go on; returns how many calls of a model it leaves without an answer."""


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def worker_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.kill(chance.choice(cluster.workers))
    return 0


def child_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """Kill a child of the worker that has processes instead of threads."""
    children = cluster.children(cluster.workers[cluster.pools.index("prefork")])
    if children:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(children), signal.SIGKILL)
    return 0


def fleet_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """All workers at once, and so whoever sweeps."""
    for worker in list(cluster.workers):
        os.killpg(worker.pid, signal.SIGKILL)
    for worker in list(cluster.workers):
        cluster.kill(worker)
    return 0


def sweep_leader_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """The one that does what one worker does for all, and no other."""
    cluster.kill(cluster.sweeper())
    return 0


def enqueuer_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.kill(chance.choice(cluster.enqueuers))
    return 0


def worker_paused(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    with cluster.stopped(chance.choice(cluster.workers)):
        _pause(LONGER_THAN_LEASE_SECONDS)
    return 0


def enqueuer_paused(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    with cluster.stopped(chance.choice(cluster.enqueuers)):
        _pause(LONGER_THAN_LEASE_SECONDS)
    return 0


def held_and_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """Between two durable steps, whichever process comes there first."""
    return _held(cluster, chance, kill=True)


def held_and_paused(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    return _held(cluster, chance, kill=False)


def _held(cluster: Cluster, chance: random.Random, *, kill: bool) -> int:
    point = chance.choice(REACHED)
    cluster.arm(point)
    reached = cluster.points / f"{point}.reached"
    try:
        wait_until(reached.exists, f"a process at {point}", 3)
    except AssertionError:  # the runs may be past it
        if cluster.disarm(point):
            return 0
    victim = cluster.of_pid(cluster.held(point))
    if kill:
        cluster.kill(victim)
        cluster.let_go(point)
        return 0
    with cluster.stopped(victim):
        cluster.let_go(point)
        _pause(LONGER_THAN_LEASE_SECONDS)
    return 0


def redis_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.signal_service("redis")
    return 0


def redis_restarted(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.signal_service("redis", signal.SIGTERM)
    return 0


def redis_flushed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.flush_redis()
    return 0


def redis_set_back(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """It is killed, and comes back with what it had a second before."""
    with cluster.redis_goes_back():
        _pause(1)
    return 0


def redis_stopped(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    pid = cluster.pid_of("redis")
    os.kill(pid, signal.SIGSTOP)
    _pause(LONGER_THAN_LEASE_SECONDS)
    os.kill(pid, signal.SIGCONT)
    return 0


def postgres_killed(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.signal_service("postgres")
    return 0


def postgres_restarted(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.signal_service("postgres", signal.SIGINT)
    return 0


def sessions_cut(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.cut_sessions()
    return 0


def messages_doubled(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """Every iteration is published again, several times, in any order; some before they are there."""
    numbers = [(run_id_for(tag), number) for tag in tags for number in range(1, 9) for _ in range(3)]
    chance.shuffle(numbers)
    for copy, (run_id, number) in enumerate(numbers):
        publish_iterations(cluster.runtime.celery, [Publication(run_id, number, "doubled", 1000 + copy)])
    return 0


def paused_meanwhile(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """A worker is stopped, something else happens, and then it wakes up in another world."""
    with cluster.stopped(chance.choice(cluster.workers)):
        chance.choice((redis_flushed, redis_killed, redis_set_back, postgres_killed, sessions_cut))(
            cluster, chance, tags
        )
        _pause(LONGER_THAN_LEASE_SECONDS)
    return 0


def provider_hangs(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    count = chance.randint(1, 3)
    cluster.world.provider.play(*[f"slow:{HANG_SECONDS}"] * count)
    return count


def provider_cuts(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    words = [chance.choice(["drop", "drop-midway", "not-json", "truncated"]) for _ in range(chance.randint(1, 4))]
    cluster.world.provider.play(*words)
    return len(words)


def provider_storms(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    cluster.world.provider.play(*[chance.choice(["429:1", "429:2", "429-bare", "503", "529"]) for _ in range(8)])
    return 0


def discord_fails(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    kinds = ("drop-after-doing", "drop", "502", "503", "429", "429-global", "slow")
    for _ in range(4):
        kind = chance.choice(kinds)
        pattern = chance.choice(("POST .*/messages$", "POST .*/channels$", "GET "))
        cluster.world.discord.faults.append(DiscordFault(pattern, kind, times=chance.randint(1, 2), seconds=0.5))
    return 0


def clock_jumps(cluster: Cluster, chance: random.Random, tags: list[str]) -> int:
    """All wall clocks of one worker or enqueuer, by two hours; they stay wrong until the next jump."""
    clients = [*cluster.workers, *cluster.enqueuers]
    for client in clients:
        cluster.set_clock(client, 0)
    cluster.set_clock(chance.choice(clients), chance.choice((-7200, 7200)))
    return 0


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        worker_killed,
        redis_flushed,
        worker_paused,
        discord_fails,
        child_killed,
        postgres_killed,
        held_and_killed,
        messages_doubled,
        redis_set_back,
        sweep_leader_killed,
        provider_cuts,
        enqueuer_killed,
        redis_killed,
        held_and_paused,
        clock_jumps,
        provider_storms,
        sessions_cut,
        redis_stopped,
        fleet_killed,
        provider_hangs,
        postgres_restarted,
        enqueuer_paused,
        redis_restarted,
        paused_meanwhile,
    )
}
