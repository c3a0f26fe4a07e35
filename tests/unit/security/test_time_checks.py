"""Tests that every door refuses times that can't be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from botticelli.errors import InvalidInput
from botticelli.security.time_checks import checked_time, future_time

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
EARLY, LATE = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=EARLY),
        datetime.max.replace(tzinfo=LATE),
        datetime(1970, 1, 1, tzinfo=EARLY),
        datetime(2200, 12, 31, 23, tzinfo=LATE),
    ],
)
def test_time_outside_of_the_calendar_is_refused_with_its_bounds(moment: datetime) -> None:
    with pytest.raises(InvalidInput, match="until must be between the years 1970 and 2200"):
        checked_time(moment, "until")


def test_time_is_read_in_utc() -> None:
    assert checked_time(datetime(2026, 1, 31, 12, tzinfo=EARLY), "at") == datetime(2026, 1, 30, 22, tzinfo=UTC)
    assert checked_time(datetime(2026, 1, 31, 12), "at") == NOW


def test_end_must_be_ahead() -> None:
    assert future_time(None, NOW, "until") is None
    assert future_time(NOW + timedelta(seconds=1), NOW, "until") == NOW + timedelta(seconds=1)
    with pytest.raises(InvalidInput, match="until is not in the future"):
        future_time(NOW, NOW, "until")
