"""Options that take a duration or a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.times import AHEAD, PAST, Duration

FORMS = "(90, 45s, 1h30m, 3d or 2w)"
COMMANDS = [
    ("state", "set", "a", "1", "--ttl"),
    ("plan", "x", "--call-seconds"),
    ("runs", "list", "--since"),
    ("runs", "list", "--until"),
    ("runs", "prune", "--older-than"),
    ("budget", "audit", "--since"),
    ("budget", "pause", "x", "--until"),
    ("budget", "set", "x", "tokens/60s", "1", "--reason", "r", "--until"),
]
LONG_AGO, LATER = datetime(2020, 1, 31, tzinfo=UTC), datetime(2090, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("text", ["soon", "1y", "1h 5m", "", "-5"])
def test_wrong_duration_is_refused_with_the_accepted_forms(call, home, arguments, text):
    result = call(*arguments, text)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert f"{text!r} is " in line
    assert FORMS in line
    assert not home.exists()


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("text", ["999999d", "6000w", "999999999999"])
def test_duration_over_a_century_is_refused_in_one_line(call, arguments, text):
    result = call(*arguments, text)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert f"{text!r} is longer than 100 years" in line


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1h30m", 5400), ("2w", 1_209_600), ("1.5m", 90)])
def test_whole_duration_is_an_integer(text, seconds):
    value = Duration(whole=True).convert(text, None, None)
    assert (value, type(value)) == (seconds, int)


@pytest.mark.parametrize(("text", "said"), [("0", "longer than 0"), ("0s", "longer than 0"), ("1.5s", "whole seconds")])
def test_duration_that_no_expiry_can_have_is_refused(text, said):
    with pytest.raises(click.BadParameter, match=said):
        Duration(whole=True).convert(text, None, None)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("2", 2.0), ("0.5", 0.5), ("1m", 60.0)])
def test_duration_of_a_call_may_be_zero_or_a_fraction(text, seconds):
    assert Duration(zero=True).convert(text, None, None) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("0s", 0), ("1h30m", 5400), ("2w", 1_209_600)])
def test_duration_before_now_is_a_time_in_the_past(text, seconds):
    before = datetime.now(UTC)
    moment = PAST.convert(text, None, None)
    assert before <= moment + timedelta(seconds=seconds) <= datetime.now(UTC)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1h30m", 5400), ("2w", 1_209_600)])
def test_duration_from_now_is_a_time_in_the_future(text, seconds):
    before = datetime.now(UTC)
    moment = AHEAD.convert(text, None, None)
    assert before <= moment - timedelta(seconds=seconds) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["2020-01-31T00:00Z", "2020-01-31T02:00+02:00", "20200131T000000Z"])
def test_date_is_read_in_utc(text):
    assert PAST.convert(text, None, None) == LONG_AGO


def test_eight_digits_are_a_date():
    assert PAST.convert("20200131", None, None) == datetime(2020, 1, 31).astimezone(UTC)
    with pytest.raises(click.BadParameter, match="neither a duration"):
        PAST.convert("20209931", None, None)


@pytest.mark.parametrize("text", ["0", "0s", "2020-01-31"])
def test_end_that_is_not_ahead_is_refused(text):
    with pytest.raises(click.BadParameter, match="not in the future"):
        AHEAD.convert(text, None, None)
    assert AHEAD.convert("2090-01-31T00:00Z", None, None) == LATER


def test_question_without_a_terminal_is_refused_before_it_is_asked(call):
    with pytest.raises(click.UsageError, match=r"^approval needs a terminal; pass --yes$"):
        confirm("approve it?", False, "approval")
    confirm("approve it?", True, "approval")
