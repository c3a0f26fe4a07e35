"""Schedules of narratives with rows: each firing takes the rows as they are then, or only those that are new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from botticelli.carousel.scheduling.schedule_control import trigger
from botticelli.carousel.scheduling.schedule_definitions import Wish, create_schedule
from botticelli.errors import InvalidInput
from botticelli.narrative import Environment, load_narrative
from botticelli.runtime.process import Runtime
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.store import Run
from tests.support.narratives import perform_all
from tests.support.servers.moved_clock import MovedClock
from workers.recovery.duties.due_schedules import DueSchedules

NARRATIVE = """
[narrative]
name = "greet"
[narrative.carousel]
foreach = { file = "people.csv" }
key = "name"
[acts]
greet = "Greet {row.name}."
"""


@pytest.fixture
def clock(runtime: Runtime) -> Iterator[MovedClock]:
    moved = MovedClock(runtime)
    yield moved
    moved.close()


def write_rows(folder: Path, *names: str) -> None:
    (folder / "people.csv").write_text("name\n" + "".join(f"{name}\n" for name in names), encoding="utf-8")


def make(runtime: Runtime, folder: Path, **request: object) -> None:
    file = folder / "greet.toml"
    file.write_text(NARRATIVE, encoding="utf-8")
    loaded = load_narrative(file, environment=Environment.for_local_files({}, ()))
    definition = ScheduleDefinition(every_seconds=3600, request=dict(request))
    create_schedule(runtime, Wish(definition, loaded, str(file)))


def fire(runtime: Runtime, clock: MovedClock) -> Run:
    """Let an hour pass, and perform the run that it starts."""
    clock.advance(hours=1)
    DueSchedules(runtime).run()
    with runtime.store.transaction() as tx:
        run = tx.runs.get(tx.runs.resolve("latest"))
    return perform_all(runtime, run.id)


def test_each_time_takes_the_rows_that_are_new_since_the_last(
    runtime: Runtime, clock: MovedClock, tmp_path: Path
) -> None:
    write_rows(tmp_path, "Ada", "Bob")
    make(runtime, tmp_path, only_new=True)
    first = fire(runtime, clock)
    assert (first.status, first.iterations, first.succeeded) == ("completed", 2, 2)
    nothing = fire(runtime, clock)
    assert nothing.id != first.id
    assert (nothing.status, nothing.iterations) == ("completed", 0)
    assert nothing.reason == "no row is new: 2 succeeded in earlier runs"
    write_rows(tmp_path, "Ada", "Bob", "Eve")
    last = fire(runtime, clock)
    assert (last.status, last.iterations, last.schedule_id) == ("completed", 1, first.schedule_id)


def test_file_that_is_gone_becomes_a_failed_run(runtime: Runtime, clock: MovedClock, tmp_path: Path) -> None:
    write_rows(tmp_path, "Ada")
    make(runtime, tmp_path)
    (tmp_path / "people.csv").unlink()
    run = fire(runtime, clock)
    assert run.status == "failed"
    assert "people.csv" in str(run.reason)
    with pytest.raises(InvalidInput, match=r"people\.csv"):
        trigger(runtime, "greet")


def test_options_of_rows_need_rows(runtime: Runtime, tmp_path: Path) -> None:
    write_rows(tmp_path, "Ada")
    with pytest.raises(InvalidInput, match="limit"):
        make(runtime, tmp_path, limit=0)
