"""How long a provider asks to wait: headers and bodies as they were seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from botticelli.drivers.waits import asked_seconds, duration_seconds

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
    assert asked_seconds(headers, {"error": {"details": details}}, NOW) == seconds


@pytest.mark.parametrize(
    "body", [None, [], "text", {"error": "text"}, {"error": {"details": ["x", {"violations": 1}]}}]
)
def test_a_body_of_any_shape_asks_for_nothing(body: Any) -> None:
    assert asked_seconds({}, body, NOW) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("1s", 1), ("20ms", 0.02), ("1h2m3.5s", 3723.5), ("12", 12), ("", None), ("later", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration_seconds(text) == seconds
