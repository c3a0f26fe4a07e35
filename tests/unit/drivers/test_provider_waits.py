"""How long a provider asks to wait: headers and bodies as they were seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from botticelli.drivers.failures.provider_waits import requested_wait_seconds
from botticelli.untrusted.retry_after import said_in, wait_seconds

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DAY = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerDay-Free"}]}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.837906927s"}


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({}, [], None),
        ({"retry-after": "7"}, [RETRY], 7),
        ({"retry-after": "Wed, 01 Jul 2026 12:01:00 GMT"}, [], 60),
        ({"retry-after": "soon"}, [], None),
        ({"retry-after-ms": "250"}, [], 0.25),
        ({}, [RETRY], 45.837906927),
        ({}, [RETRY, DAY], 19 * 3600),
        (
            {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-07-01T12:00:30Z"},
            [],
            30,
        ),
        (
            {"anthropic-ratelimit-tokens-remaining": "9", "anthropic-ratelimit-tokens-reset": "2026-07-01T12:00:30Z"},
            [],
            None,
        ),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, [], 360),
        ({"retry-after": "-5"}, [], 0),
        ({"retry-after": "999999999"}, [], 2 * 86400),
        ({"retry-after": "nan"}, [], None),
    ],
)
def test_the_wait_that_is_asked_for(headers: dict[str, str], details: list[Any], seconds: float | None) -> None:
    assert requested_wait_seconds(headers, {"error": {"details": details}}, NOW) == seconds


@pytest.mark.parametrize(
    "body", [None, [], "text", {"error": "text"}, {"error": {"details": ["x", {"violations": 1}]}}]
)
def test_a_body_of_any_shape_asks_for_nothing(body: Any) -> None:
    assert requested_wait_seconds({}, body, NOW) is None


SOON = NOW.timestamp() + 30


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("6m0s", 360),
        ("1s", 1),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("7.66s", 7.66),
        ("1 minute, 20 seconds", 80),
        ("PT1M30S", 90),
        ("12", 12),
        (" 12 ", 12),
        (7.5, 7.5),
        ("5, 7", 7),
        (f"{SOON:.0f}", 30),
        (f"{SOON * 1e3:.0f}", 30),
        (SOON * 1e6, 30),
        ("2026-07-01T12:00:30Z", 30),
        ("2026-07-01T12:00:30.000", 30),
        ("2026-07-01 05:00:30-07:00", 30),
        ("Wed, 01 Jul 2026 12:00:30 -0000", 30),
        ("1000000000", 0),
        ("-5", 0),
        ("999999999", 2 * 86_400),
        ("0:30", 30),
        ("01:00:30", 3630),
        ('"30"', 30),
        ("30;", 30),
        ("-3s", None),
        ("later", None),
        ("", None),
        ("PT", None),
        ("nan", None),
        ("-inf", None),
        ("1e999", None),
        ("9" * 5_000, None),
        (10**400, None),
        (float("nan"), None),
        (True, None),
        (None, None),
        ([3], None),
        (b"3", None),
        ({"seconds": 3}, None),
    ],
    ids=str,
)
def test_wait_is_read_in_any_form(value: Any, seconds: float | None) -> None:
    waited_seconds = wait_seconds(value, NOW)
    assert waited_seconds == (seconds if seconds is None else pytest.approx(seconds, abs=1e-3))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Limit 3, Used 3, Requested 1. Please try again in 20s. Visit https://example.com/billing.", 20),
        ("Please try again in 6m0s.", 360),
        ("Please retry in 45.84s", 45.84),
        ("Retry after 1 minute and 3 seconds", 63),
        ("please wait for 12 seconds", 12),
        ("Please try again at 2026-07-01T12:00:30Z.", 30),
        ("please retry after 7", 7),
        ("retry 3 times", None),
        ("try 10 requests per minute", None),
        ("wait until later", None),
        ("", None),
    ],
)
def test_wait_is_read_in_words(message: str, seconds: float | None) -> None:
    assert said_in(message, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{SOON:.0f}"}, 30),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "9"}, 9),
        ({"x-ratelimit-remaining-requests-day": "0", "x-ratelimit-reset-requests-day": "3600.5"}, 3600.5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.5"}, 1.5),
        ({"x-ratelimit-remaining-tokens": "-4", "x-ratelimit-reset-tokens": "2s"}, 2),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "2s"}, None),
        ({"x-ratelimit-reset-tokens": "8s", "x-ratelimit-reset-requests": "2s"}, 2),
        ({"ratelimit": '"minute";r=5;t=9, "day";r=0;t=30'}, 30),
        ({"ratelimit": "limit=10, remaining=0, reset=30"}, 30),
        ({"ratelimit": '"day";r=3;t=30'}, None),
        ({"ratelimit": '"day";r=0'}, None),
    ],
)
def test_reset_of_empty_limit_is_waited_for(headers: dict[str, str], seconds: float | None) -> None:
    assert requested_wait_seconds(headers, None, NOW) == seconds
