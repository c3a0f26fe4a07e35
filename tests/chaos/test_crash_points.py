"""Every named point between two durable steps, and what may happen to a process there: nothing is lost, nothing is done
twice. `make sweep` runs all of it; the normal suite the points at which most is at stake.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botticelli.carousel import EnqueueOptions, enqueue
from botticelli.failpoints import POINTS, Point
from tests.chaos.cluster import FAULTS, Cluster
from tests.chaos.invariants import held, violations, wait_for_end
from tests.support.narratives import loaded, narrative_text
from tests.support.processes import House
from tests.support.waiting import wait_until

ACTS = """
think = "Think about {iteration}"

[acts.tell]
output_var = "told"
[[acts.tell.input]]
type = "bot_command"
platform = "echo"
command = "messages.send"
args = { guild_id = "1", channel_id = "2", content = "{{think}}" }

[acts.end]
prompt = "Say goodbye"
"""
LIMITS = "[providers.echo.tiers.default]\nrpm = 10000\ntpm = 1000000\nrpd = 100000\n"
IN_SHORT = {("row_committed", "sigkill"), ("model_answered", "sigkill"), ("model_answered", "sigstop")}
IN_SHORT |= {("effect_performed", "sigkill"), ("request_drawn", "redis_cut"), ("acts_performed", "postgres_cut")}

CASES = [
    pytest.param(point, fault, marks=[] if (point, fault) in IN_SHORT else pytest.mark.long)
    for fault in FAULTS
    for point in POINTS
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    house = House(tmp_path_factory.mktemp("sweep") / "house")
    house.folder.mkdir()
    house.write("botticelli.toml", LIMITS)
    made = Cluster(house, workers=2)
    yield made
    made.close()
    house.close()


@pytest.mark.parametrize(("point", "fault"), CASES)
def test_nothing_is_lost_and_nothing_done_twice(cluster: Cluster, point: Point, fault: str) -> None:
    runtime = cluster.runtime
    text = narrative_text(3, ACTS, estimated_tokens_per_iteration=200)
    # Armed before the run is there: its first iteration is admitted here, the later ones by workers.
    cluster.arm(point)
    run_id = enqueue(runtime, loaded(text), "sweep.toml", EnqueueOptions()).run.id
    FAULTS[fault](cluster, point, cluster.held(point))
    wait_for_end(runtime, run_id)
    assert violations(runtime, run_id, calls_lost=1) == []
    wait_until(lambda: not held(runtime, "echo/echo"), "the Budget to hold nothing")
