"""Eight faults on a real cluster, the same ones each time; `make chaos` goes on with all kinds, and by chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign, cluster_in
from tests.chaos.fleet.world import KEY, TOKEN

ROUNDS = 4


def test_no_promise_is_broken_and_no_run_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    with cluster_in(tmp_path, ROUNDS) as cluster:
        report = Campaign(cluster, seed=1, second_fault=1.0).perform(ROUNDS)
    assert report.broken == []
    assert report.faults.total() == 2 * ROUNDS
    assert report.figures["runs"] == 2 * ROUNDS
