"""Processes that fire schedules are killed at any moment: each nominal time has one firing and one run, none is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from botticelli.carousel.scheduling.schedule_definitions import Wish, create_schedule
from botticelli.runtime.process import Runtime
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.telemetry.failpoints import SCHEDULE_POINTS, SchedulePoint
from tests.support.fleet.firing_process import kill, start_firing
from tests.support.narratives import loaded, narrative_text, perform_all
from tests.support.servers.moved_clock import MovedClock
from tests.support.waiting import wait_until
from workers.recovery.duties.due_schedules import DueSchedules

KILL_SHARE = 0.2
"""The share of steps of the clock in which a process is killed."""
LATE_SECONDS = 2.0
COPIES = """
insert into schedules (id, name, narrative, source, snapshot, timezone, overlap, catch_up, catch_up_seconds, demands,
                       every_seconds, anchor, last_nominal, next_at, ends_at)
select 'schedule-' || number, 's' || number, narrative, source, snapshot, timezone, overlap, catch_up, catch_up_seconds,
       demands, 60, begin, begin, begin + interval '1 minute', begin + make_interval(mins => :minutes)
from schedules, generate_series(1, :count) as number,
     lateral (select date_trunc('minute', now()) + make_interval(secs => number % 60) as begin) as begun
where name = 'model'
"""
FIRED = "select count(*) from firings"
DUE = "select count(*) from schedules where next_at <= :moment"
LATE = "select extract(epoch from fired_at - greatest(nominal_at, cast(:moved_at as timestamptz))) from firings"


@pytest.fixture
def clock(runtime: Runtime) -> Iterator[MovedClock]:
    moved = MovedClock(runtime)
    with runtime.store.transaction() as tx:
        now = tx.schedules.now()
    moved.advance(seconds=(datetime(2030, 6, 3, 8, 0, 0, 500_000, tzinfo=UTC) - now).total_seconds())
    yield moved
    moved.close()


def make(runtime: Runtime, name: str) -> None:
    definition = ScheduleDefinition(
        name=name, every_seconds=3600, overlap="allow", catch_up="all", catch_up_seconds=86_400
    )
    create_schedule(runtime, Wish(definition, loaded(narrative_text(1)), "test.toml"))


@pytest.mark.parametrize("point", SCHEDULE_POINTS)
def test_process_killed_between_firing_and_run_leaves_one_run_of_the_time(
    runtime: Runtime, clock: MovedClock, tmp_path: Path, point: SchedulePoint
) -> None:
    make(runtime, "s")
    clock.advance(hours=1)
    (tmp_path / point).touch()
    process = start_firing(runtime, tmp_path, points=tmp_path)
    wait_until((tmp_path / f"{point}.reached").exists, f"the process to reach {point}")
    kill(process)
    is_committed = point == "schedule_fired"

    def fired() -> tuple[int, int]:
        with runtime.store.transaction() as tx:
            counts = "select (select count(*) from firings), (select count(*) from runs)"
            firings, runs = tx.connection.execute(text(counts)).one()
            return firings, runs

    assert fired() == (int(is_committed), int(is_committed))

    def fires_once_the_lock_is_gone() -> bool:
        DueSchedules(runtime).run()
        return fired() == (1, 1)

    wait_until(fires_once_the_lock_is_gone, "the time to be fired")
    DueSchedules(runtime).run()
    assert fired() == (1, 1)
    with runtime.store.transaction() as tx:
        (run,) = tx.runs.recent()
    assert perform_all(runtime, run.id).status == "completed"


@dataclass(frozen=True)
class Scale:
    """How much is fired: schedules of one time a minute, for how many minutes, in which steps of the clock, by whom."""

    schedules: int
    minutes: int
    step_seconds: int
    processes: int


SMALL, FULL = Scale(60, 3, 15, 3), Scale(1000, 10, 1, 4)


@pytest.mark.parametrize(
    "scale", [pytest.param(SMALL, id="small"), pytest.param(FULL, marks=pytest.mark.long, id="full")]
)
def test_killed_processes_fire_each_nominal_time_once(
    runtime: Runtime, clock: MovedClock, tmp_path: Path, scale: Scale
) -> None:
    make(runtime, "model")
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(COPIES), {"count": scale.schedules, "minutes": scale.minutes})
        tx.schedules.delete(tx.schedules.named("model").id)
    random_, fleet = random.Random(7), [start_firing(runtime, tmp_path) for _ in range(scale.processes)]
    late_seconds: list[float] = []
    kills = 0
    try:
        for _ in range(60 * (scale.minutes + 1) // scale.step_seconds):
            moved_at, before = step(runtime, clock, scale)
            is_killing = random_.random() < KILL_SHARE
            if is_killing:
                number = random_.randrange(scale.processes)
                wait_until_under_way(runtime, moved_at, before)
                kill(fleet[number])
                fleet[number] = start_firing(runtime, tmp_path)
                kills += 1
            wait_until_fired(runtime, moved_at)
            if not is_killing:
                late_seconds += lateness(runtime, moved_at)
    finally:
        for process in fleet:
            kill(process)
    judge(runtime, scale)
    p99 = sorted(late_seconds)[int(len(late_seconds) * 0.99)]
    times = scale.schedules * scale.minutes
    print(f"{times:,} times, {kills} kills, lateness p99 {p99:.2f} s of {len(late_seconds):,}")
    assert kills > 0
    assert scale is SMALL or p99 <= LATE_SECONDS


def step(runtime: Runtime, clock: MovedClock, scale: Scale) -> tuple[datetime, int]:
    """Move the clock; return what it says, and how many firings there are."""
    clock.advance(seconds=scale.step_seconds)
    with runtime.store.transaction() as tx:
        return tx.schedules.now(), int(tx.connection.execute(text(FIRED)).scalar_one())


def wait_until_under_way(runtime: Runtime, moved_at: datetime, before: int) -> None:
    """Wait until something more has been fired, or nothing is left to fire."""

    def is_under_way() -> bool:
        return count(runtime, FIRED) > before or count(runtime, DUE, moment=moved_at) == 0

    wait_until(is_under_way, "a time to be fired")


def judge(runtime: Runtime, scale: Scale) -> None:
    """Compare firings and runs with the nominal times that there were."""
    with runtime.store.transaction() as tx:
        rows = tx.connection.execute(text("select schedule_id, nominal_at, action, run_id from firings")).all()
        runs = tx.connection.execute(text("select id, schedule_id from runs")).all()
    assert len(rows) == len(runs) == scale.schedules * scale.minutes
    assert {row[2] for row in rows} == {"started"}
    assert {(row[3], row[0]) for row in rows} == {(run[0], run[1]) for run in runs}
    assert len({run[0] for run in runs}) == len(runs)
    per_schedule = {f"schedule-{number}": set[datetime]() for number in range(1, scale.schedules + 1)}
    for schedule_id, nominal_at, *_ in rows:
        per_schedule[schedule_id].add(nominal_at)
    for times in per_schedule.values():
        ordered = sorted(times)
        assert len(ordered) == scale.minutes
        assert {later - earlier for earlier, later in pairwise(ordered)} == {timedelta(minutes=1)}


def wait_until_fired(runtime: Runtime, moment: datetime) -> None:
    wait_until(lambda: count(runtime, DUE, moment=moment) == 0, "a step of the clock to be fired")


def count(runtime: Runtime, query: str, **values: object) -> int:
    with runtime.store.transaction() as tx:
        return int(tx.connection.execute(text(query), values).scalar_one())


def lateness(runtime: Runtime, moved_at: datetime) -> list[float]:
    """Return how late the times were fired that the last step of the clock made due."""
    with runtime.store.transaction() as tx:
        query = text(f"{LATE} where fired_at >= :moved_at")
        return [float(value) for value in tx.connection.execute(query, {"moved_at": moved_at}).scalars()]
