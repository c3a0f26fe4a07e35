"""The forecast of all schedules: their runs side by side under shared limits, with overlaps, skips and ends."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.carousel.scheduling.schedule_control import pause_schedule
from botticelli.carousel.scheduling.schedule_definitions import Wish, create_schedule
from botticelli.carousel.scheduling.schedule_forecast import ScheduleForecast, SchedulesForecast, forecast_schedules
from botticelli.runtime.process import Runtime
from botticelli.schedules.definition import ScheduleDefinition
from tests.support.narratives import loaded, narrative_text, start

HOUR_SECONDS = 3600.0


def make(runtime: Runtime, name: str, text: str | None = None, **definition: Any) -> None:
    fields = {"name": name, "every_seconds": 600, **definition}
    create_schedule(runtime, Wish(ScheduleDefinition(**fields), loaded(text or narrative_text(1)), "test.toml"))


def forecast(runtime: Runtime, *, hours: float = 1, call_seconds: float = 1.0) -> SchedulesForecast:
    return forecast_schedules(runtime, seconds=hours * HOUR_SECONDS, workers=1, call_seconds=call_seconds)


def of(result: SchedulesForecast, name: str) -> ScheduleForecast:
    return next(each for each in result.schedules if each.name == name)


def test_plan_sums_tokens_and_runs_of_all_schedules(runtime: Runtime) -> None:
    text = narrative_text(2, estimated_tokens_per_iteration=100)
    make(runtime, "a", text)
    make(runtime, "b", text, max_runs=2, jitter_seconds=60)
    make(runtime, "paused")
    pause_schedule(runtime, "paused")
    result = forecast(runtime)
    a, b = of(result, "a"), of(result, "b")
    assert (a.times, a.runs, b.runs, a.skipped) == (6, 6, 2, 0)
    assert a.tokens is not None
    assert result.tokens is not None
    assert a.tokens.expected == 1200
    assert result.tokens.expected == 1600
    assert [run.comes_to for run in result.runs] == ["completed"] * 8
    assert all(run.ends_at is not None and run.ends_at >= run.nominal_at for run in result.runs)
    assert any("paused and left out: paused" in note for note in result.notes)


@pytest.mark.parametrize(
    ("overlap", "runs", "skipped", "buffered"),
    [("skip", 3, 3, 0), ("buffer_one", 5, 1, 4), ("buffer_all", 6, 0, 5), ("allow", 6, 0, 0)],
)
def test_runs_longer_than_their_interval_overlap_as_the_policy_says(
    runtime: Runtime, overlap: str, runs: int, skipped: int, buffered: int
) -> None:
    """Each run takes fifteen minutes, each ten minutes one is due."""
    make(runtime, "slow", overlap=overlap)
    slow = of(forecast(runtime, call_seconds=900), "slow")
    assert (slow.times, slow.runs, slow.skipped) == (6, runs, skipped)
    assert slow.buffered == buffered
    assert 890 < slow.longest_seconds < 910


def test_newest_time_cancels_the_run_before(runtime: Runtime) -> None:
    make(runtime, "new", overlap="cancel_other")
    result = forecast(runtime, call_seconds=900)
    assert [run.comes_to for run in result.runs] == ["cancelled"] * 5 + ["completed"]


def test_limit_that_schedules_share_delays_their_runs(make_runtime: Any) -> None:
    tiers = '{"default_tier": "slow", "tiers": {"slow": {"rpm": 1}}}'
    runtime = make_runtime(providers__echo=tiers)
    text = narrative_text(1, on_budget_exhausted="wait")
    for name in ("a", "b", "c"):
        make(runtime, name, text, every_seconds=3600)
    result = forecast(runtime, call_seconds=0.1)
    ends = sorted(run.ends_at for run in result.runs if run.ends_at is not None)
    assert len(ends) == 3
    assert (ends[2] - ends[0]).total_seconds() >= 115
    assert sum(each.waiting_seconds for each in result.schedules) >= 170


def test_run_that_goes_on_counts_as_running_in_the_plan(runtime: Runtime) -> None:
    make(runtime, "s")
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.runs.set(run.id, schedule_id=tx.schedules.named("s").id)
    slow = of(forecast(runtime, call_seconds=900), "s")
    assert (slow.times, slow.skipped >= 2) == (6, True)


def test_schedule_that_can_not_run_is_named_with_the_reason(runtime: Runtime) -> None:
    make(runtime, "s")
    with runtime.store.transaction() as tx:
        tx.schedules.set(tx.schedules.named("s").id, request={"variables": {"gone": "1"}}, version=2)
    result = forecast(runtime)
    assert "the narrative has no variable 'gone'" in str(of(result, "s").problem)
    assert result.runs == ()
