"""The translator of all drivers by the answers that every driver has to take in the same way, and by bodies of any shape."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers.failures.sdk_errors import Answer, Translator
from botticelli.drivers.failures.verdicts import judge_error
from botticelli.errors import DriverError, DriverTransient
from botticelli.testing.waits_answers import WaitsAnswer, WaitsConformance

TRANSLATOR = Translator("test", "API_KEY", "")
NESTED: Any = []
for _ in range(5_000):
    NESTED = [NESTED]


class TestTranslator(WaitsConformance):
    def raised(self, answer: WaitsAnswer) -> DriverError:
        return TRANSLATOR.of_answer(Answer(answer.status, "", answer.headers, answer.body))


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        5,
        "text",
        "{",
        "[" * 9_000,
        NESTED,
        [[[[{"error": {"details": 5}}]]]],
        {"error": None},
        {"error": {"details": {"violations": {"quotaId": 7}}}},
        {"error": {"details": [{"violations": 5}, {"violations": [5]}, {"retryDelay": {"seconds": []}}]}},
        {"code": True, "status": float("inf"), "type": ["insufficient_quota"], 5: "x", None: None},
        {"headers": {"retry-after": ["7"], 5: "x"}, "retry_after": {"a": 1}},
        {f"k{n}": {"x": n} for n in range(50_000)},
    ],
    ids=range(14),
)
def test_rate_limit_with_body_of_any_shape_backs_off(body: Any) -> None:
    error = TRANSLATOR.of_answer(Answer(429, "Slow down.", {}, body))
    assert isinstance(error, DriverTransient)
    assert (error.retry_after_seconds, error.limited) == (None, True)


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ("Insufficient balance.", "billing"),
        ("Account balance insufficient", "billing"),
        ("prompt is too long: 9 tokens", "too long"),
        ("API key not valid.", "key"),
        ("Blocked by content_filter.", "refused"),
        ("Provider returned error", "overloaded"),
        ("", "overloaded"),
    ],
)
def test_error_without_code_in_good_answer_is_judged_by_its_words(message: str, verdict: str) -> None:
    body = {"base_resp": {"status_code": 1008, "status_msg": message}}
    assert judge_error(Answer(200, message, {}, body)).value == verdict


def test_error_inside_good_answer_has_the_status_of_its_body() -> None:
    verdicts = [
        judge_error(Answer(200, "", {}, {"error": {"message": "Provider returned error", "code": code}})).value
        for code in (429, 502, 402, 400, 404, "rate_limit_exceeded", "server_error", "invalid_api_key")
    ]
    assert verdicts == ["limited", "overloaded", "billing", "invalid", "missing", "limited", "overloaded", "key"]
