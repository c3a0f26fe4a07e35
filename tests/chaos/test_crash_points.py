"""Crash at every named point between two durable steps: nothing is lost, nothing is done twice.

Every named point between two durable steps, and what may happen to a process there: nothing is lost, nothing is done
twice, by the records of the provider and of Discord themselves. `make sweep` runs all of it; the normal suite the
points at which most is at stake.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from botticelli.messages import run_id_for
from botticelli.telemetry.failpoints import Point
from botticelli.testing.discord import GUILD
from tests.chaos.fleet.cluster import LEASE_SECONDS, Cluster
from tests.chaos.fleet.invariants import held, violations, wait_for_end
from tests.chaos.fleet.world import KEY, PERIOD_SECONDS, REACHED, TOKEN, narrative_of, world
from tests.support.fleet.processes import House
from tests.support.waiting import wait_until

MODEL = "gpt-6-luna"
TIER = {"windows": [{"metric": "requests", "limit": 10_000, "period_seconds": PERIOD_SECONDS}], "rpd": 100_000}
"""A Redis that was killed opens a short window only when its period is over."""
Fault = Callable[[Cluster, Point, int], None]
"""A fault of the process that is held at a point. The point has been released when it returns."""


def killed(cluster: Cluster, point: Point, pid: int) -> None:
    cluster.kill(cluster.of_pid(pid))
    cluster.let_go(point)


def paused(cluster: Cluster, point: Point, pid: int) -> None:
    """For longer than its lease: others go on without it, and then it wakes up in the middle of its work."""
    with cluster.stopped(cluster.of_pid(pid)):
        cluster.let_go(point)
        threading.Event().wait(LEASE_SECONDS * 1.5)


def without_postgres(cluster: Cluster, point: Point, pid: int) -> None:
    cluster.signal_service("postgres")
    cluster.let_go(point)


def without_redis(cluster: Cluster, point: Point, pid: int) -> None:
    cluster.signal_service("redis")
    cluster.let_go(point)


FAULTS: dict[str, Fault] = {
    "sigkill": killed,
    "sigstop": paused,
    "postgres_cut": without_postgres,
    "redis_cut": without_redis,
}
OF_ENQUEUER: tuple[Point, ...] = ("ticket_reserved", "row_committed", "message_published")
IN_SHORT = {
    ("worker", "model_answered", "sigkill"),
    ("worker", "effect_performed", "sigkill"),
    ("message", "effect_performed", "sigstop"),
    ("worker", "request_drawn", "redis_cut"),
    ("worker", "acts_performed", "postgres_cut"),
    ("enqueuer", "row_committed", "sigkill"),
    ("worker", "request_received", "sigkill"),
}
OF_EFFECT: tuple[Point, ...] = ("effect_intended", "effect_performed", "effect_recorded")
OF_REQUEST: tuple[Point, ...] = ("request_received", *OF_ENQUEUER)
PLACES = [("worker", point) for point in REACHED] + [("enqueuer", point) for point in OF_ENQUEUER]
PLACES += [("message", point) for point in OF_EFFECT]
"""The first effect of a worker is a channel; where that is there already, a message."""
CASES = [
    pytest.param(who, point, fault, marks=[] if (who, point, fault) in IN_SHORT else pytest.mark.long)
    for fault, (who, point) in itertools.product(FAULTS, PLACES)
]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    house = House(tmp_path_factory.mktemp("sweep") / "house", rehearses=False)
    house.folder.mkdir()
    with world() as outside, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("DISCORD_TOKEN", TOKEN)
        made = Cluster(house, outside, TIER, pools=("threads", "threads"), enqueuers=1)
        yield made
        made.close()
        house.close()


@pytest.mark.parametrize(("who", "point", "fault"), CASES)
def test_nothing_is_lost_and_nothing_done_twice(cluster: Cluster, who: str, point: Point, fault: str) -> None:
    runtime = cluster.runtime
    tag = f"s{next(_numbers)}"
    cluster.house.write(f"narratives/{tag}.toml", narrative_of(tag, MODEL, 3, on_budget_exhausted="wait"))
    if who == "message":
        _with_channel(cluster, tag)
    if who == "enqueuer":
        cluster.arm(point)
        cluster.ask(0, tag, wire=False)
        FAULTS[fault](cluster, point, cluster.held(point))
        run_id = cluster.enqueue(0, tag, wire=False)
    else:
        if point not in OF_REQUEST:
            cluster.arm(point)
        run_id = (
            cluster.enqueue(0, tag, wire=False) if point not in OF_REQUEST else _through_a_worker(cluster, tag, point)
        )
        FAULTS[fault](cluster, point, cluster.held(point))
        if point in OF_REQUEST:
            wait_until(lambda: cluster.is_there(tag), "the request to be stored, which nobody repeats")
    wait_for_end(runtime, run_id)
    assert violations(runtime, cluster.world, run_id, tag) == []
    wait_until(lambda: not held(runtime, f"openai/{MODEL}"), "the Budget to hold nothing")


def _with_channel(cluster: Cluster, tag: str) -> None:
    """As an earlier run would have left it."""
    made = cluster.world.discord.world.answer("POST", f"/guilds/{GUILD}/channels", {}, {"name": tag, "type": 0})
    with cluster.runtime.store.transaction() as tx:
        tx.state.set(f"discord.{GUILD}.channel.{tag}", {"id": made.body["id"], "name": tag})


def _through_a_worker(cluster: Cluster, tag: str, point: Point) -> str:
    """Over the wire, so that it is a worker who admits the first iteration, too."""
    cluster.arm(point)
    cluster.ask(0, tag, wire=True)
    return run_id_for(tag)
