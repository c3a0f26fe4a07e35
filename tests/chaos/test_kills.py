"""Runs whose workers are killed around their effects: eight in the usual tests, a hundred with `make kills`."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.chaos.fleet.world import KEY, TOKEN
from tests.chaos.kills import ITERATIONS, Kills, cluster_in

SHORT, LONG = 8, int(os.environ.get("KILLS") or 100)
IN_LONG = (pytest.mark.long, pytest.mark.timeout(60 + 30 * LONG))
PARAMETERS = [
    pytest.param(SHORT, 6, ("threads", "threads"), id="short"),
    pytest.param(LONG, None, ("threads", "threads", "prefork"), id="long", marks=IN_LONG),
]


@pytest.mark.parametrize(("runs", "seed", "pools"), PARAMETERS)
def test_killed_runs_have_one_channel_and_one_message_of_each_iteration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int, seed: int | None, pools: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    chance = int(os.environ.get("SEED") or random.randrange(10**6)) if seed is None else seed
    with cluster_in(tmp_path, pools) as cluster:
        figures = Kills(cluster, chance, say=lambda line: print(line, flush=True)).perform(runs)
    print("\n".join(figures.lines()))
    assert figures.broken == []
    assert figures.kills.total() == runs
    assert figures.counts["attempts lost"] >= runs
    assert figures.counts["iterations"] == ITERATIONS * runs
    assert figures.counts["effects of unknown outcome"] == 0
