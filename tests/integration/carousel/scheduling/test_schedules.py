"""Schedules on a real Postgres whose clock is moved: what fires, what overlaps, what is caught up with, and who may act."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.carousel import Actor, prune
from botticelli.carousel.scheduling.outlook import list_schedules, reasons, view_schedule
from botticelli.carousel.scheduling.schedule_control import (
    backfill,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    trigger,
)
from botticelli.carousel.scheduling.schedule_definitions import Wish, apply_schedules, create_schedule
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.schedules.definition import ScheduleDefinition
from tests.support.narratives import loaded, narrative_text, perform_all, sweep
from tests.support.servers.moved_clock import MovedClock
from workers.recovery.duties.due_schedules import DueSchedules

ADA = Actor("lunch", "ada@desk")


@pytest.fixture
def clock(runtime: Runtime) -> Iterator[MovedClock]:
    """A clock that stands at the start of a minute of an hour that no clock change is near."""
    moved = MovedClock(runtime)
    with runtime.store.transaction() as tx:
        now = tx.schedules.now()
    moved.advance(seconds=(datetime(2030, 6, 3, 8, 0, 1, tzinfo=UTC) - now).total_seconds())
    yield moved
    moved.close()


def make(runtime: Runtime, narrative: str | None = None, **definition: Any) -> None:
    fields = {"name": "s", "crons": ("0 * * * *",), **definition}
    create_schedule(runtime, Wish(ScheduleDefinition(**fields), loaded(narrative or narrative_text(1)), "test.toml"))


def fired(runtime: Runtime, name: str = "s") -> list[tuple[str, str]]:
    """Return hour and minute, and action, of every firing, the oldest first."""
    with runtime.store.transaction() as tx:
        rows = tx.firings.recent(tx.schedules.named(name).id, limit=100)
    return [(f"{row.nominal_at:%H:%M}", row.action) for row in reversed(rows)]


def runs_of(runtime: Runtime) -> list[str]:
    with runtime.store.transaction() as tx:
        return [run.id for run in reversed(tx.runs.recent())]


def finish_all(runtime: Runtime) -> None:
    for run_id in runs_of(runtime):
        perform_all(runtime, run_id)


def test_due_time_becomes_one_run_however_often_it_is_swept(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime)
    DueSchedules(runtime).run()
    assert fired(runtime) == []
    clock.advance(hours=1)
    for _ in range(3):
        DueSchedules(runtime).run()
    assert fired(runtime) == [("09:00", "started")]
    (run_id,) = runs_of(runtime)
    assert perform_all(runtime, run_id).status == "completed"
    view = view_schedule(runtime, "s")
    assert (view.status, view.running, view.firings[0].run_id) == ("active", (), run_id)
    assert f"{view.schedule.next_at:%H:%M}" == "10:00"


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        ("last", [("09:00", "missed"), ("10:00", "missed"), ("11:00", "started")]),
        ("all", [("09:00", "started"), ("10:00", "started"), ("11:00", "started")]),
        ("none", [("09:00", "missed"), ("10:00", "missed"), ("11:00", "missed")]),
    ],
)
def test_three_hours_without_workers_are_caught_up_with_as_the_policy_says(
    runtime: Runtime, clock: MovedClock, catch_up: str, expected: list[tuple[str, str]]
) -> None:
    make(runtime, catch_up=catch_up, catch_up_seconds=86_400, overlap="allow")
    clock.advance(hours=3, minutes=5)
    DueSchedules(runtime).run()
    assert fired(runtime) == expected
    assert len(runs_of(runtime)) == sum(action == "started" for _, action in expected)
    with runtime.store.transaction() as tx:
        notices = tx.connection.execute(text("select data from notices where type = 'schedule.missed'")).scalars().all()
    missed = sum(action == "missed" for _, action in expected)
    assert [data["missed"] for data in notices] == [missed] * bool(missed)
    explained = reasons(runtime, "s", at=datetime(2030, 6, 3, 9, tzinfo=UTC))
    assert all(f"{row.nominal_at:%H}" == "09" and row.reason for row in explained.firings)


def test_run_that_waits_for_its_budget_counts_as_running(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime)
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    (run_id,) = runs_of(runtime)
    with runtime.store.transaction() as tx:
        tx.runs.set(run_id, status="waiting", due_at=None)
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    assert fired(runtime) == [("09:00", "started"), ("10:00", "skipped_overlap")]
    assert f"run {run_id} is unfinished" in view_schedule(runtime, "s").firings[0].reason


@pytest.mark.parametrize(
    ("overlap", "during", "after"),
    [
        ("buffer_one", ["started", "buffered", "skipped_overlap"], ["started", "started", "skipped_overlap"]),
        ("buffer_all", ["started", "buffered", "buffered"], ["started", "started", "buffered"]),
    ],
)
def test_buffered_time_starts_right_after_the_run_before_has_ended(
    runtime: Runtime, clock: MovedClock, overlap: str, during: list[str], after: list[str]
) -> None:
    make(runtime, overlap=overlap)
    for _ in range(3):
        clock.advance(hours=1)
        DueSchedules(runtime).run()
    assert [action for _, action in fired(runtime)] == during
    (first,) = runs_of(runtime)
    perform_all(runtime, first)
    DueSchedules(runtime).run()
    assert [action for _, action in fired(runtime)] == after
    assert len(runs_of(runtime)) == 2


def test_newest_time_cancels_the_run_before_and_starts_once_that_has_ended(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime, narrative_text(3), overlap="cancel_other")
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    (first,) = runs_of(runtime)
    sweep(runtime)
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    assert [action for _, action in fired(runtime)] == ["started", "started"]
    with runtime.store.transaction() as tx:
        run, action = tx.runs.get(first), tx.run_actions.last(first, "cancel")
    assert run.status == "cancelled"
    assert action is not None
    assert "schedule s" in action.reason
    assert len(runs_of(runtime)) == 2


def test_paused_schedule_records_its_times_and_resumes_from_now_on(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime)
    pause_schedule(runtime, "s", ADA)
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    clock.advance(hours=1)
    resume_schedule(runtime, "s")
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    assert fired(runtime) == [("09:00", "paused"), ("10:00", "paused"), ("11:00", "started")]
    assert view_schedule(runtime, "s").firings[1].reason == "paused by ada@desk: lunch"


def test_schedule_pauses_itself_after_failures_in_a_row_and_counts_anew_when_resumed(
    runtime: Runtime, clock: MovedClock
) -> None:
    broken = narrative_text(1, acts='[acts.a]\nprompt = "{state.missing}"', retries=0)
    make(runtime, broken, pause_after_failures=2)
    for _ in range(3):
        clock.advance(hours=1)
        DueSchedules(runtime).run()
        finish_all(runtime)
    assert [action for _, action in fired(runtime)] == ["started", "started", "paused"]
    view = view_schedule(runtime, "s")
    assert view.status == "paused"
    assert str(view.schedule.pause).startswith("paused by botticelli: its last 2 runs failed; run ")
    resume_schedule(runtime, "s")
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    assert fired(runtime)[-1] == ("12:00", "started")


def test_limited_schedule_ends_after_its_runs(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime, max_runs=2)
    for _ in range(4):
        clock.advance(hours=1)
        DueSchedules(runtime).run()
        finish_all(runtime)
    assert fired(runtime) == [("09:00", "started"), ("10:00", "started")]
    assert len(runs_of(runtime)) == 2
    assert view_schedule(runtime, "s").status == "ended"
    assert reasons(runtime, "s").line == "ended: it has started its 2 runs"


def test_prune_deletes_old_firings_without_a_run_and_none_fires_again(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime)
    clock.advance(hours=3, minutes=5)
    DueSchedules(runtime).run()
    assert fired(runtime) == [("09:00", "missed"), ("10:00", "missed"), ("11:00", "started")]
    prune(runtime, datetime(2030, 6, 3, 10, 30, tzinfo=UTC))
    DueSchedules(runtime).run()
    assert fired(runtime) == [("11:00", "started")]
    assert len(runs_of(runtime)) == 1


def test_trigger_starts_a_run_now_and_skips_one_that_would_overlap(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime, max_runs=1)
    pause_schedule(runtime, "s")
    first = trigger(runtime, "s", ADA)
    assert (first.action, first.origin, first.reason) == ("started", "trigger", "triggered by ada@desk: lunch")
    second = trigger(runtime, "s", ADA)
    assert (second.action, second.run_id) == ("skipped_overlap", None)
    assert trigger(runtime, "s", ADA, overlap="allow").action == "started"
    assert view_schedule(runtime, "s").schedule.remaining == 1
    assert len(runs_of(runtime)) == 2


def test_backfill_runs_past_times_one_after_the_other_and_none_twice(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime, catch_up="none", exclude=("0 7 * * *",))
    clock.advance(hours=1, minutes=5)
    DueSchedules(runtime).run()
    assert fired(runtime) == [("09:00", "missed")]
    day = datetime(2030, 6, 3, 6, tzinfo=UTC)
    done = backfill(runtime, "s", day, day + timedelta(hours=3), actor=ADA)
    assert ([f"{time:%H}" for time in done.times], done.already, done.excluded) == (["06", "08", "09"], 0, 1)
    for number in range(1, 5):
        DueSchedules(runtime).run()
        assert len(runs_of(runtime)) == min(number, 3)
        finish_all(runtime)
    assert [action for _, action in fired(runtime)] == ["backfilled"] * 3
    again = backfill(runtime, "s", day, day + timedelta(hours=3), actor=ADA, overlap="allow")
    assert (again.times, again.already) == ((), 3)
    with pytest.raises(InvalidInput, match="in the future"):
        backfill(runtime, "s", day, day + timedelta(days=3))
    for edge in (datetime.min, datetime.max):
        with pytest.raises(InvalidInput, match="between the years 1970 and 2200"):
            backfill(runtime, "s", edge.replace(tzinfo=UTC), day)
        with pytest.raises(InvalidInput, match="between the years 1970 and 2200"):
            reasons(runtime, "s", at=edge.replace(tzinfo=UTC))


def test_narrative_that_can_not_run_any_more_becomes_a_failed_run(runtime: Runtime, clock: MovedClock) -> None:
    make(runtime)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("""update schedules set request = '{"variables": {"gone": "1"}}'"""))
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    (run_id,) = runs_of(runtime)
    with runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
    assert (run.status, run.schedule_id is not None) == ("failed", True)
    assert "the narrative has no variable 'gone'" in str(run.reason)
    assert fired(runtime) == [("09:00", "started")]


def test_nominal_time_fills_the_variable_of_that_name(runtime: Runtime, clock: MovedClock) -> None:
    text_ = narrative_text(1, acts='a = "It is {var.nominal_at}."') + '[narrative.variables]\nnominal_at = "now"\n'
    make(runtime, text_, timezone="Europe/Berlin")
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    finish_all(runtime)
    with runtime.store.transaction() as tx:
        (act,) = tx.acts.of_iteration(runs_of(runtime)[0], 1)
    assert "It is 2030-06-03T11:00+02:00." in str(act.prompt)


def test_apply_changes_only_what_differs_and_prunes_only_its_own(runtime: Runtime, clock: MovedClock, tmp_path) -> None:
    def wish(name: str, file: str | None, **definition: Any) -> Wish:
        fields = {"name": name, "crons": ("0 * * * *",), **definition}
        return Wish(ScheduleDefinition(**fields), loaded(narrative_text(1)), "test.toml", file)

    def actions(*wishes: Wish, **options: Any) -> list[tuple[str, str]]:
        return [(change.name, change.action) for change in apply_schedules(runtime, wishes, **options)]

    own, other = str(tmp_path / "n" / "a.toml"), str(tmp_path / "m" / "b.toml")
    create_schedule(runtime, wish("made", None))
    assert actions(wish("x", own), wish("y", other), dry_run=True) == [("x", "create"), ("y", "create")]
    assert actions(wish("x", own), wish("y", other)) == [("x", "create"), ("y", "create")]
    assert actions(wish("x", own)) == [("x", "keep")]
    (change,) = apply_schedules(runtime, [wish("x", own, jitter_seconds=30, overlap="allow")])
    assert change.differences == ("jitter_seconds: 0.0 -> 30.0", "overlap: skip -> allow")
    assert actions(wish("z", own), prune=[tmp_path / "n"]) == [("z", "create"), ("x", "prune")]
    with runtime.store.transaction() as tx:
        assert [schedule.name for schedule in tx.schedules.all()] == ["made", "y", "z"]
    with pytest.raises(InvalidInput, match="ends_at: the schedule never fires"):
        actions(wish("good", own), wish("over", own, ends_at=datetime(2020, 1, 1, tzinfo=UTC)))
    with pytest.raises(InvalidInput, match="schedule x is also in"):
        actions(wish("x", own), wish("x", other))
    with runtime.store.transaction() as tx:
        assert [schedule.name for schedule in tx.schedules.all()] == ["made", "y", "z"]


def test_schedules_of_two_tenants_may_have_one_name(runtime: Runtime, clock: MovedClock) -> None:
    for tenant in (None, "a", "b"):
        make(runtime, request={"tenant": tenant} if tenant else {})
    with pytest.raises(InvalidInput, match="there is a schedule 's' already"):
        make(runtime, request={"tenant": "a"})
    every = {schedule.tenant: schedule for schedule in list_schedules(runtime)}
    assert every.keys() == {None, "a", "b"}
    assert view_schedule(runtime, "s").schedule.id == every[None].id, "a name is that of nobody's schedule first"
    assert pause_schedule(runtime, every["a"].id, ADA).tenant == "a"
    delete_schedule(runtime, "s")
    with pytest.raises(InvalidInput, match=f"2 tenants have a schedule 's'; give its id: {every['a'].id} of a, "):
        delete_schedule(runtime, "s")
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    with runtime.store.transaction() as tx:
        assert [run.tenant for run in tx.runs.recent()] == ["b"]
