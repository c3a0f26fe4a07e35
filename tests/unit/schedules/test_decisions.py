"""Decisions about due times: catch-up after an outage, each overlap policy, exclusions, pauses and a limited count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from botticelli.schedules.decisions import Situation, Verdict, decide_times
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.timetable import Timetable

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = timedelta(hours=1)


def decide(now: datetime, situation: Situation | None = None, limit: int = 1000, **definition: object) -> Verdict:
    made = ScheduleDefinition(**{"crons": ("0 * * * *",), **definition})  # type: ignore[arg-type]
    table = Timetable(made)
    due = table.due_between("id", START, now, limit)
    return decide_times(made, table, due, now, situation or Situation())


def actions(verdict: Verdict) -> list[str]:
    return [decision.action for decision in verdict.decisions]


@pytest.mark.parametrize(
    ("catch_up", "within_seconds", "expected"),
    [
        ("last", 3600, ["missed", "missed", "started"]),
        ("last", 60, ["missed", "missed", "missed"]),
        ("all", 86_400, ["started", "started", "started"]),
        ("all", 5000, ["missed", "started", "started"]),
        ("none", 86_400, ["missed", "missed", "missed"]),
    ],
)
def test_times_of_an_outage_are_caught_up_with_as_the_policy_says(
    catch_up: str, within_seconds: float, expected: list[str]
) -> None:
    now = START + 3 * HOURS + timedelta(minutes=20)
    got = decide(now, catch_up=catch_up, catch_up_seconds=within_seconds, overlap="allow")
    assert actions(got) == expected
    assert all(decision.reason for decision in got.decisions), "each says how late it is"


@pytest.mark.parametrize("catch_up", ["last", "all", "none"])
def test_time_that_is_on_time_fires_under_every_policy(catch_up: str) -> None:
    (decision,) = decide(START + HOURS + timedelta(seconds=20), catch_up=catch_up).decisions
    assert (decision.action, decision.reason) == ("started", "")


def test_last_of_many_due_times_is_the_last_of_all_and_not_of_a_batch() -> None:
    definition = {"crons": ("* * * * *",), "overlap": "allow"}
    assert set(actions(decide(START + 50 * timedelta(minutes=1), limit=20, **definition))) == {"missed"}


def test_excluded_last_time_leaves_the_one_before_to_fire() -> None:
    got = decide(START + 3 * HOURS, exclude=("0 3 * * *",), catch_up_seconds=86_400)
    assert actions(got) == ["missed", "started", "excluded"]


@pytest.mark.parametrize(
    ("overlap", "running", "buffered", "expected"),
    [
        ("skip", "run x", 0, ["skipped_overlap", "skipped_overlap"]),
        ("skip", "", 0, ["started", "skipped_overlap"]),
        ("buffer_one", "run x", 0, ["buffered", "skipped_overlap"]),
        ("buffer_one", "", 0, ["started", "buffered"]),
        ("buffer_one", "run x", 1, ["skipped_overlap", "skipped_overlap"]),
        ("buffer_all", "run x", 3, ["buffered", "buffered"]),
        ("buffer_all", "run x", 999, ["buffered", "skipped_overlap"]),
        ("allow", "run x", 0, ["started", "started"]),
        ("cancel_other", "", 0, ["skipped_overlap", "started"]),
        ("cancel_other", "run x", 0, ["skipped_overlap", "buffered"]),
    ],
)
def test_overlapping_times_are_settled_as_the_policy_says(
    overlap: str, running: str, buffered: int, expected: list[str]
) -> None:
    situation = Situation(running, buffered)
    got = decide(START + 2 * HOURS, situation, overlap=overlap, catch_up="all", catch_up_seconds=86_400)
    assert actions(got) == expected
    assert got.cancels == (overlap == "cancel_other" and running != "")
    assert not got.replaces


def test_newest_time_replaces_a_buffered_one_and_counts_once() -> None:
    situation = Situation("run x", buffered=1, remaining=3)
    got = decide(START + HOURS, situation, overlap="cancel_other")
    assert (actions(got), got.cancels, got.replaces, situation.remaining) == (["buffered"], True, True, 3)


@pytest.mark.parametrize("overlap", ["allow", "buffer_all", "cancel_other"])
def test_limited_count_ends_the_schedule_and_counts_started_and_buffered(overlap: str) -> None:
    situation = Situation(remaining=2)
    got = decide(START + 5 * HOURS, situation, overlap=overlap, catch_up="all", catch_up_seconds=86_400)
    taken = sum(action in ("started", "buffered") for action in actions(got))
    assert taken == (1 if overlap == "cancel_other" else 2)
    assert situation.remaining == 2 - taken
    assert len(got.decisions) == (5 if overlap == "cancel_other" else 2)


def test_paused_schedule_records_every_time_with_the_note() -> None:
    got = decide(START + 2 * HOURS, Situation(pause="paused by ada: holiday"))
    assert [(decision.action, decision.reason) for decision in got.decisions] == [
        ("paused", "paused by ada: holiday")
    ] * 2
