"""Defines error answers of the three providers by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.testing.wires.provider_wires import Anthropic, Gemini, Wire

GOOGLE = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer: status, error code, message, headers and details."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)
    details: list[dict[str, Any]] = field(default_factory=list)


def _limited(wire: Wire, seconds: float) -> Fault:
    """Name the wait as each provider does: Gemini in the body, the others in a header."""
    if isinstance(wire, Gemini):
        details = [{"@type": f"{GOOGLE}RetryInfo", "retryDelay": f"{seconds:.9f}s"}]
        return Fault(429, "RESOURCE_EXHAUSTED", "You exceeded your current rate.", details=details)
    return Fault(429, "rate_limit_error", "Too many requests.", {"retry-after": f"{seconds:g}"})


def _limited_by_resets(wire: Wire, seconds: float) -> Fault:
    """Name only the time at which the exhausted limit is reset, without Retry-After."""
    if isinstance(wire, Gemini):
        return _limited(wire, seconds)
    if isinstance(wire, Anthropic):
        reset = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        headers = {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": reset}
    else:
        headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": f"{seconds * 1000:g}ms"}
    return Fault(429, "rate_limit_error", "Too many tokens.", headers)


def _of_day(wire: Wire, seconds: float) -> Fault:
    violations = [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]
    details: list[dict[str, Any]] = [
        {"@type": f"{GOOGLE}QuotaFailure", "violations": violations},
        {"@type": f"{GOOGLE}RetryInfo", "retryDelay": "7s"},
    ]
    return Fault(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", details=details)


def _of_minute(wire: Wire, seconds: float) -> Fault:
    """Refuse by a limit per minute, with the advice on billing that Google puts into every quota error."""
    details: list[dict[str, Any]] = [
        {
            "@type": f"{GOOGLE}QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}],
        },
        {"@type": f"{GOOGLE}RetryInfo", "retryDelay": f"{seconds:g}s"},
    ]
    message = "You exceeded your current quota, please check your plan and billing details."
    return Fault(429, "RESOURCE_EXHAUSTED", message, details=details)


def _of_money(wire: Wire, seconds: float) -> Fault:
    if isinstance(wire, Anthropic):
        details = [{"error_code": "contract_spend_limit_reached"}]
        return Fault(429, "rate_limit_error", "The spend limit of the contract is reached.", {}, details)
    return Fault(429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing.")


def _no_capacity(wire: Wire, seconds: float) -> Fault:
    """Refuse a flex request that there is no room for; nothing is charged."""
    if isinstance(wire, Gemini):
        return Fault(503, "UNAVAILABLE", "The model is at capacity. Please try again later.")
    return Fault(429, "resource_unavailable", "Resource Unavailable")


def _plain(status: int, code: str, message: str, **headers: str) -> Callable[[Wire, float], Fault]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda wire, seconds: Fault(status, code, message, named)


ERRORS: dict[str, Callable[[Wire, float], Fault]] = {
    "no-capacity": _no_capacity,
    "429": _limited,
    "429-bare": _plain(429, "rate_limit_error", "Slow down."),
    "429-resets": _limited_by_resets,
    "429-day": _of_day,
    "429-minute": _of_minute,
    "429-money": _of_money,
    "429-final": _plain(429, "rate_limit_error", "Never again.", x_should_retry="false"),
    "400": _plain(400, "invalid_request_error", "A field is not permitted."),
    "400-again": _plain(400, "invalid_request_error", "Come again.", x_should_retry="true"),
    "too-long": _plain(400, "context_length_exceeded", "The prompt is too long: 300000 tokens > 200000 maximum"),
    "content": _plain(400, "content_policy_violation", "The content was refused."),
    "401": _plain(401, "authentication_error", "The key is not valid."),
    "402": _plain(402, "billing_error", "No credit."),
    "403": _plain(403, "permission_error", "Not for you."),
    "404": _plain(404, "not_found_error", "There is no such model."),
    "408": _plain(408, "timeout", "Too slow."),
    "413": _plain(413, "request_too_large", "Too large."),
    "500": _plain(500, "api_error", "Internal error."),
    "503": _plain(503, "UNAVAILABLE", "Overloaded.", retry_after="3"),
    "529": _plain(529, "overloaded_error", "Overloaded."),
}
