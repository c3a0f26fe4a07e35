"""Events that nobody writes but those who look: budgets that run out, and workers that are gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from botticelli.budget import Window, WindowUsage
from botticelli.notices.absent_workers import record_absence
from botticelli.notices.budget_thresholds import period_of, reached_threshold, record_thresholds
from botticelli.runtime.process import Runtime
from botticelli.store import SWEEP
from botticelli.store.schema.notice_tables import notices
from tests.support.narratives import narrative_text, perform_all, start

DAILY = {"metric": "requests", "limit": 10, "period_seconds": 86_400, "kind": "calendar", "zone": "UTC"}
MINUTE = {"metric": "requests", "limit": 1000, "period_seconds": 60, "kind": "sliding"}


def notices_data(runtime: Runtime) -> list[dict[str, Any]]:
    with runtime.store.transaction() as tx:
        query = select(notices.c.data).where(notices.c.type.in_(("budget.threshold", "worker.none")))
        return list(tx.connection.execute(query.order_by(notices.c.created_at)).scalars())


@pytest.fixture
def budgeted(make_runtime: Callable[..., Runtime]) -> Runtime:
    tier = {"small": {"windows": [DAILY, MINUTE]}}
    budgets = {"narratives": {"test": {"windows": [DAILY | {"limit": 100}]}}}
    return make_runtime(
        providers__echo=json.dumps({"default_tier": "small", "tiers": tier}), budgets=json.dumps(budgets)
    )


def spend(runtime: Runtime, requests: int) -> None:
    perform_all(runtime, start(runtime, narrative_text(requests, on_budget_exhausted="wait")).id)


def test_each_threshold_of_a_window_is_told_once_in_its_period(budgeted: Runtime) -> None:
    for requests, expected in ((4, []), (1, [50]), (2, [50]), (1, [50, 80]), (2, [50, 80, 100])):
        spend(budgeted, requests)
        for _ in range(2):
            record_thresholds(budgeted)
        percents = [data["percent"] for data in notices_data(budgeted) if data["scope"].startswith("echo/")]
        assert percents == expected
    last = notices_data(budgeted)[-1]
    assert (last["used"], last["limit"], last["window"].startswith("requests")) == (10, 10, True)


def test_window_for_which_a_run_waits_counts_as_used_up(make_runtime: Callable[..., Runtime]) -> None:
    tier = {"small": {"windows": [DAILY | {"metric": "tokens", "limit": 5000}]}}
    runtime = make_runtime(providers__echo=json.dumps({"default_tier": "small", "tiers": tier}))
    each = {"estimated_tokens_per_iteration": 2000, "on_budget_exhausted": "wait"}
    perform_all(runtime, start(runtime, narrative_text(2, **each)).id)
    record_thresholds(runtime)
    assert start(runtime, narrative_text(1, **each)).status == "waiting"
    record_thresholds(runtime)
    assert [(data["percent"], data["used"]) for data in notices_data(runtime)] == [(80, 4000), (100, 4000)]


def usage(used: int, limit: int = 100, period_seconds: float = 86_400, kind: Any = "sliding") -> WindowUsage:
    return WindowUsage(Window("tokens", limit, period_seconds, kind), used, 0, 0)


@pytest.mark.parametrize(
    ("used", "limit", "threshold"),
    [
        (49, 100, None),
        (50, 100, 50),
        (79, 100, 50),
        (80, 100, 80),
        (99, 100, 80),
        (100, 100, 100),
        (250, 100, 100),
        (0, 0, None),
    ],
)
def test_highest_threshold_counts(used: int, limit: int, threshold: int | None) -> None:
    assert reached_threshold(usage(used, limit), False) == threshold
    assert reached_threshold(usage(used, limit, period_seconds=60), False) is None


def test_period_of_a_calendar_window_begins_at_its_midnight_and_of_a_month_at_its_first() -> None:
    day = Window("tokens", 1, 86_400, "calendar", "America/Los_Angeles")
    month = Window("tokens", 1, 2_678_400, "month", "UTC")
    before, after = datetime(2026, 11, 29, 7, 59, tzinfo=UTC), datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
    assert period_of(day, after) - period_of(day, before) == 86_400_000
    assert period_of(month, before) == datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000
    assert period_of(month, datetime(2026, 12, 1, tzinfo=UTC)) != period_of(month, before)


def sweep_was(runtime: Runtime, seconds: float) -> None:
    with runtime.store.transaction() as tx:
        tx.duties.take(SWEEP, worker="w:1", interval_seconds=0)
        tx.connection.execute(
            text("update duties set taken_at = now() - make_interval(secs => :seconds)"), {"seconds": seconds}
        )


def make_older(runtime: Runtime, seconds: float) -> None:
    ago = {"seconds": timedelta(seconds=seconds)}
    with runtime.store.transaction() as tx:
        tx.connection.execute(
            text("update runs set created_at = created_at - :seconds, due_at = due_at - :seconds"), ago
        )


def test_absence_of_workers_is_told_once_while_runs_are_due(runtime: Runtime) -> None:
    sweep_was(runtime, 120)
    assert record_absence(runtime) is None  # nothing is due
    start(runtime, narrative_text(1))
    assert record_absence(runtime) is None  # not for a minute yet
    make_older(runtime, 90)
    absence = record_absence(runtime)
    assert absence is not None and absence.due_runs == 1
    assert record_absence(runtime) is None
    sweep_was(runtime, 0)
    assert record_absence(runtime) is None
    sweep_was(runtime, 61)
    assert record_absence(runtime) is not None
    assert [data["due_runs"] for data in notices_data(runtime)] == [1, 1]


def test_absence_is_told_where_no_worker_ever_was(runtime: Runtime) -> None:
    start(runtime, narrative_text(1))
    make_older(runtime, 90)
    absence = record_absence(runtime)
    assert absence is not None and absence.last_seen_at is None
    assert record_absence(runtime) is None


def test_waiting_and_paused_runs_need_no_worker(runtime: Runtime) -> None:
    waiting, paused = start(runtime, narrative_text(1)), start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.runs.set(waiting.id, status="waiting", due_at=datetime.now(UTC) + timedelta(hours=3))
        tx.runs.set(paused.id, status="paused", due_at=None)
        tx.connection.execute(text("update runs set created_at = created_at - interval '1 hour'"))
    assert record_absence(runtime) is None
