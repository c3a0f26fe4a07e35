"""Wrong definitions are refused with the key, the reason and a hint; any text is either a cron expression or refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.schedules.cron_text import InvalidCron, fields_of
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.definition_checks import faults_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({"crons": ("61 * * * *",)}, "cron: 61 * * * * has a wrong minute"),
        ({"crons": ("0 9 * * *", "0 0 30 2 *")}, "cron: 0 0 30 2 * has a wrong day-of-month"),
        ({"crons": ("0 9 * *",)}, "cron: 0 9 * * has not five fields"),
        ({"crons": ("0 0 9 * * *",)}, "cron: 0 0 9 * * * has not five fields"),
        ({"crons": ("@noon",)}, "cron: @noon has not five fields"),
        ({"name": "a/b", "crons": ("@daily",)}, "name: a/b can't be the name of a schedule"),
        ({"name": "..", "crons": ("@daily",)}, "name: .. can't be the name of a schedule"),
        ({"name": "a\nb", "crons": ("@daily",)}, "name: a\\nb can't be the name of a schedule"),
        ({"name": "a" * 201, "crons": ("@daily",)}, "name: has 201 characters"),
        ({"name": "", "crons": ("@daily",)}, "name: has 0 characters"),
        ({}, "cron: a schedule needs cron or every_seconds"),
        ({"every_seconds": 0}, "every_seconds: must be a number from 1, not 0"),
        ({"every_seconds": 60, "crons": ("@daily",)}, "every_seconds: cron and every_seconds exclude each other"),
        ({"crons": ("@daily",), "anchor": NOW}, "anchor: has an effect only with every_seconds"),
        ({"crons": ("@daily",), "timezone": "Mars/Olympus"}, "timezone: there is no time zone Mars/Olympus"),
        ({"crons": ("@daily",), "timezone": "../etc/passwd"}, "timezone: there is no time zone ../etc/passwd"),
        (
            {"crons": ("@daily",), "exclude": ("2026-13-01",)},
            "exclude: 2026-13-01 has a day that doesn't exist",
        ),
        ({"crons": ("@daily",), "exclude": ("2026-02-02..2026-01-01",)}, "exclude: 2026-02-02..2026-01-01 ends before"),
        ({"crons": ("@daily",), "exclude": ("christmas",)}, "exclude: christmas is neither a day"),
        ({"crons": ("@daily",), "exclude": ("* * * * *",)}, "exclude: the schedule never fires: all of its times"),
        (
            {"crons": ("@daily",), "ends_at": datetime(2026, 5, 1, tzinfo=UTC)},
            "ends_at: the schedule never fires: it is over",
        ),
        ({"crons": ("0 0 29 2 *",), "ends_at": datetime(2027, 6, 1, tzinfo=UTC)}, "cron: the schedule never fires"),
        ({"crons": ("@daily",), "starts_at": datetime(2999, 5, 1, tzinfo=UTC)}, "starts_at: must be between the years"),
        (
            {"crons": ("@daily",), "starts_at": NOW, "ends_at": datetime(2026, 1, 1, tzinfo=UTC)},
            "ends_at: is before starts_at",
        ),
    ],
)
def test_wrong_definition_is_refused_by_its_key(definition: dict[str, object], expected: str) -> None:
    faults = faults_of(ScheduleDefinition(**definition), NOW)  # type: ignore[arg-type]
    assert faults
    assert f"{faults[0].key}: {faults[0].message}".startswith(expected)


@pytest.mark.parametrize(
    "text", ["@Daily", "0 9 L * *", "0 9 LW * *", "0 9 * * MON-FRI", "0 9 * * 5L", "*/7 * * * 1#2"]
)
def test_usual_forms_of_cron_are_taken(text: str) -> None:
    assert faults_of(ScheduleDefinition(crons=(text,)), NOW) == []


@given(st.text(alphabet=st.sampled_from("0123456789*/,-#LW? MONJAé²"), max_size=40))
def test_any_text_is_a_cron_expression_or_refused(text: str) -> None:
    try:
        fields_of(text)
    except InvalidCron:
        return
    assert len(faults_of(ScheduleDefinition(crons=(text,)), NOW)) <= 1
