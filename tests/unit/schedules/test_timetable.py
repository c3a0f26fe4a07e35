"""Nominal times of a timetable: clock changes of twelve zones by hand, intervals, exclusions, jitter, and restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.timetable import Timetable

CLOCK_CHANGES = [
    # zone, cron, from when on, the next times, all in UTC. Written by hand from the dates of the clock changes.
    ("Europe/Berlin", "30 2 * * *", "2026-03-27T12:00", "03-28T01:30 03-29T01:00 03-30T00:30"),
    ("Europe/Berlin", "30 2 * * *", "2026-10-23T12:00", "10-24T00:30 10-25T00:30 10-26T01:30"),
    ("Europe/Berlin", "30 * * * *", "2026-10-24T23:00", "10-24T23:30 10-25T00:30 10-25T01:30 10-25T02:30"),
    ("America/New_York", "15,45 2 * * *", "2026-03-07T12:00", "03-08T07:00 03-09T06:15 03-09T06:45"),
    ("America/New_York", "30 1 * * *", "2026-10-31T12:00", "11-01T05:30 11-02T06:30"),
    ("Africa/Cairo", "0 0 * * *", "2026-04-22T12:00", "04-22T22:00 04-23T22:00 04-24T21:00"),
    ("Africa/Cairo", "30 23 * * *", "2026-10-28T12:00", "10-28T20:30 10-29T20:30 10-30T21:30"),
    ("Australia/Lord_Howe", "15 2 * * *", "2026-10-02T12:00", "10-02T15:45 10-03T15:30 10-04T15:15"),
    ("Australia/Lord_Howe", "45 1 * * *", "2026-04-03T12:00", "04-03T14:45 04-04T14:45 04-05T15:15"),
    # The day that Samoa left out fires at its end, and the next day as usual: two runs on the 31st.
    ("Pacific/Apia", "0 9 * * *", "2011-12-28T12:00", "12-28T19:00 12-29T19:00 12-30T10:00 12-30T19:00 12-31T19:00"),
    ("Asia/Kathmandu", "45 5 * * *", "2026-01-01T00:00", "01-02T00:00 01-03T00:00"),
    ("America/Sao_Paulo", "0 0 * * *", "2018-11-02T12:00", "11-03T03:00 11-04T03:00 11-05T02:00"),
    ("America/Sao_Paulo", "30 23 * * *", "2019-02-15T12:00", "02-16T01:30 02-17T01:30 02-18T02:30"),
    ("Africa/Casablanca", "30 2 * * *", "2026-02-13T12:00", "02-14T01:30 02-15T01:30 02-16T02:30"),
    ("Africa/Casablanca", "30 2 * * *", "2026-03-20T12:00", "03-21T02:30 03-22T02:00 03-23T01:30"),
    ("Asia/Tehran", "30 0 * * *", "2022-03-20T12:00", "03-20T21:00 03-21T20:30 03-22T20:00"),
    ("Asia/Tehran", "30 23 * * *", "2022-09-20T12:00", "09-20T19:00 09-21T19:00 09-22T20:00"),
    ("Australia/Sydney", "30 2 * * *", "2026-10-02T12:00", "10-02T16:30 10-03T16:00 10-04T15:30"),
    ("Australia/Sydney", "30 2 * * *", "2026-04-03T12:00", "04-03T15:30 04-04T15:30 04-05T16:30"),
    ("America/Santiago", "30 0 * * *", "2026-09-04T12:00", "09-05T04:30 09-06T04:00 09-07T03:30"),
    ("America/Santiago", "30 23 * * *", "2026-04-03T12:00", "04-04T02:30 04-05T02:30 04-06T03:30"),
    ("Atlantic/Azores", "30 0 * * *", "2026-03-27T12:00", "03-28T01:30 03-29T01:00 03-30T00:30"),
    ("Atlantic/Azores", "30 0 * * *", "2026-10-23T12:00", "10-24T00:30 10-25T00:30 10-26T01:30"),
]
ZONES = [*dict.fromkeys(zone for zone, *_ in CLOCK_CHANGES)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(count: int, after: str, **definition: object) -> list[str]:
    table = Timetable(ScheduleDefinition(**definition))  # type: ignore[arg-type]
    return [f"{time:%FT%T}" for time in islice(table.after(utc(after)), count)]


@pytest.mark.parametrize(("zone", "cron", "after", "expected"), CLOCK_CHANGES)
def test_times_around_a_clock_change_are_those_written_by_hand(zone: str, cron: str, after: str, expected: str) -> None:
    words = expected.split()
    got = times(len(words), after, crons=(cron,), timezone=zone)
    assert got == [f"{after[:4]}-{word}:00" for word in words]


@settings(max_examples=150)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(["30 2 * * *", "15,45 * * * *", "0 0,1,2,3 * * *", "*/20 1-3 * * *", "0 9 * * 1"]),
    st.integers(0, 366 * 24 * 4),
)
def test_restart_at_any_moment_gives_the_same_times(zone: str, cron: str, quarters: int) -> None:
    """A sweep begins anew at the last time that it has fired: nothing is fired twice or left out."""
    table = Timetable(ScheduleDefinition(crons=(cron, "10 4 * * *"), timezone=zone))
    start = utc("2026-01-01T00:00") + timedelta(minutes=15 * quarters)
    whole = [*islice(table.after(start), 40)]
    assert whole == sorted(set(whole))
    for position in (0, 7, 20):
        assert [*islice(table.after(whole[position]), 10)] == whole[position + 1 : position + 11]
    moment = whole[10] + timedelta(minutes=7)
    assert [*islice(table.after(moment), 3)] == [time for time in whole if time > moment][:3]


def test_several_crons_give_each_time_once_in_order() -> None:
    got = times(4, "2026-01-01T00:00", crons=("0 9 * * *", "0 9 1 * *", "30 8 * * *"))
    assert got == ["2026-01-01T08:30:00", "2026-01-01T09:00:00", "2026-01-02T08:30:00", "2026-01-02T09:00:00"]


def test_interval_counts_from_its_anchor_whatever_the_zone() -> None:
    definition = {"every_seconds": 5400, "anchor": utc("2026-01-01T00:10"), "timezone": "Europe/Berlin"}
    assert times(2, "2026-03-29T00:00", **definition) == ["2026-03-29T00:10:00", "2026-03-29T01:40:00"]
    assert times(1, "2025-12-31T23:00", every_seconds=3600) == ["2026-01-01T00:00:00"]


def test_start_is_included_and_end_too() -> None:
    bounds = {"starts_at": utc("2026-01-01T01:00"), "ends_at": utc("2026-01-01T03:00")}
    got = times(9, "2025-06-01T00:00", crons=("@hourly",), **bounds)
    assert got == ["2026-01-01T01:00:00", "2026-01-01T02:00:00", "2026-01-01T03:00:00"]


@pytest.mark.parametrize(
    ("exclusion", "excluded"),
    [
        ("2026-12-24", ["24"]),
        ("2026-12-24..2026-12-26", ["24", "25", "26"]),
        ("* * * * 0", ["27"]),
        ("0 9 23 * *", ["23"]),
        ("30 9 * * *", []),
    ],
)
def test_exclusion_suppresses_local_days_and_times(exclusion: str, excluded: list[str]) -> None:
    table = Timetable(ScheduleDefinition(crons=("0 9 * * *",), timezone="Asia/Tokyo", exclude=(exclusion,)))
    upcoming = islice(table.after(utc("2026-12-22T12:00")), 5)
    got = [f"{time + timedelta(hours=9):%d}" for time in upcoming if table.exclusion_of(time) is not None]
    assert got == excluded


@given(st.integers(0, 10_000), st.floats(0, 100_000))
def test_jitter_is_the_same_everywhere_and_ends_before_the_next_time(number: int, jitter_seconds: float) -> None:
    definition = ScheduleDefinition(crons=("* * * * *",), jitter_seconds=jitter_seconds)
    time = utc("2026-01-01T00:00") + timedelta(minutes=number)
    following = time + timedelta(minutes=1)
    due = [Timetable(definition).due_at("an id", time, following) for _ in range(2)]
    assert due[0] == due[1]
    assert time <= due[0] < following


def test_due_times_stop_at_the_limit_and_say_that_more_are_due() -> None:
    table = Timetable(ScheduleDefinition(crons=("* * * * *",)))
    start = utc("2026-01-01T00:00")
    some = table.due_between("id", start, start + timedelta(minutes=10), 4)
    assert (len(some.times), some.is_last, some.next_at) == (4, False, start + timedelta(minutes=5))
    rest = table.due_between("id", start + timedelta(minutes=4), start + timedelta(minutes=10), 40)
    assert (len(rest.times), rest.is_last, rest.next_at) == (6, True, start + timedelta(minutes=11))
