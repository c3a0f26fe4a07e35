"""Limits that Google's refusals name."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers.failures.quota_values import quota_values

MINUTE = "GenerateRequestsPerMinutePerProjectPerModel"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
TOKENS = "GenerateContentInputTokensPerModelPerMinute-FreeTier"


def refusal(*violations: Any) -> dict[str, Any]:
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(violations)}]
    return {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}}


def violation(quota_id: str, value: Any) -> dict[str, Any]:
    return {"quotaId": quota_id, "quotaValue": value}


@pytest.mark.parametrize(
    ("violations", "limits"),
    [
        ([violation(MINUTE, "5")], {"rpm": 5}),
        ([violation(DAY, "20"), violation(MINUTE, "5")], {"rpd": 20, "rpm": 5}),
        ([violation(TOKENS, "250000")], {"itpm": 250_000}),
        ([violation(MINUTE, "10"), violation(MINUTE + "-PaidTier", "7")], {"rpm": 7}),
        ([violation(MINUTE, 12)], {"rpm": 12}),
        ([violation(MINUTE, "0")], {}),
        ([violation(MINUTE, "-1")], {}),
        ([violation(MINUTE, "\u0665")], {}),
        ([violation(MINUTE, "9" * 30)], {}),
        ([violation(MINUTE, None), {"quotaId": MINUTE}, {"quotaValue": "3"}, "text", None], {}),
        ([violation("SomethingPerHour", "3")], {}),
        ([violation("GenerateContentInputTokensPerModelPerDay-FreeTier", "3")], {}),
    ],
)
def test_quota_values_are_read_by_kind_of_quota(violations: list[Any], limits: dict[str, int]) -> None:
    assert quota_values(refusal(*violations)) == limits


@pytest.mark.parametrize("body", [None, [], "text", 5, {"error": "x"}, {"violations": 1}, {"violations": [[]]}])
def test_body_of_another_shape_names_no_limit(body: Any) -> None:
    assert quota_values(body) == {}


def test_deep_body_ends_the_search() -> None:
    body: Any = refusal(violation(MINUTE, "5"))
    for _ in range(10_000):
        body = [body]
    assert quota_values(body) == {}
