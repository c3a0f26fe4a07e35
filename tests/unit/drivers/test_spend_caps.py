"""A provider's own spend cap: recognised in each wire's errors, with the date at which it ends."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from botticelli.drivers.failures.sdk_errors import Answer, Translator
from botticelli.drivers.failures.spend_caps import cap_ends
from botticelli.drivers.failures.verdicts import Verdict, judge_error
from botticelli.errors import DriverSpendCap, DriverTerminal

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def anthropic(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    details = {"details": {"error_code": code}} if code else {}
    return {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": "req_1"}


def openai(code: str, kind: str = "insufficient_quota") -> dict[str, Any]:
    return {"error": {"message": "The limit is reached.", "type": kind, "param": None, "code": code}}


def gemini(message: str) -> dict[str, Any]:
    return {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": message}}


SPECIFIED = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
WORKSPACE = (
    "You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
)
GOOGLE = "Your project has exceeded its monthly spending cap. Please go to AI Studio at https://ai.studio/spend"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, anthropic("rate_limit_error", "This request would exceed a limit.", "enforced_spend_limit_reached")),
        (400, anthropic("invalid_request_error", SPECIFIED)),
        (400, anthropic("invalid_request_error", WORKSPACE)),
        (400, anthropic("invalid_request_error", "You have reached your workspace API usage limits.")),
        (429, openai("organization_spend_limit_exceeded")),
        (429, openai("project_spend_limit_exceeded", "server_error")),
        (429, openai("organization_usage_limit_exceeded")),
        (429, openai("billing_hard_limit_reached")),
        (429, gemini(GOOGLE)),
        (502, {"error": {"message": '{"error": {"code": "project_spend_limit_exceeded"}}'}}),
        (200, anthropic("rate_limit_error", "A limit.", "enforced_spend_limit_reached")),
    ],
)
def test_spend_cap_is_recognised_in_every_wire(status: int, body: dict[str, Any]) -> None:
    answer = Answer(status, str(body["error"]["message"]), {}, body)
    assert judge_error(answer) is Verdict.SPEND_CAP
    error = Translator("p", "KEY", "secret").of_answer(answer)
    assert isinstance(error, DriverSpendCap) and isinstance(error, DriverTerminal)
    assert error.until > datetime.now(UTC) and error.elsewhere


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (429, anthropic("rate_limit_error", "This request would exceed your rate limit."), Verdict.LIMITED),
        (429, anthropic("rate_limit_error", "Slow down.", "ramp_limit_exceeded"), Verdict.LIMITED),
        (429, anthropic("rate_limit_error", "The contract's end.", "contract_spend_limit_reached"), Verdict.BILLING),
        (402, anthropic("billing_error", "Linked.", "linked_organization_spend_limit_reached"), Verdict.BILLING),
        (429, openai("insufficient_quota"), Verdict.BILLING),
        (429, openai("credit_balance_exhausted"), Verdict.BILLING),
        (429, openai("rate_limit_exceeded", "tokens"), Verdict.LIMITED),
        (429, gemini("You exceeded your current quota, please check your plan and billing details."), Verdict.LIMITED),
        (400, anthropic("invalid_request_error", "messages: at least one is required"), Verdict.INVALID),
        (400, anthropic("invalid_request_error", "a" * 600 + SPECIFIED), Verdict.INVALID),
    ],
)
def test_other_refusals_are_no_spend_cap(status: int, body: dict[str, Any], verdict: Verdict) -> None:
    assert judge_error(Answer(status, body["error"]["message"], {}, body)) is verdict


@pytest.mark.parametrize(
    ("message", "codes", "until"),
    [
        (SPECIFIED, [], "2026-12-01T00:00:00+00:00"),
        ("Regain access on 2027-01-15 at 06:30 UTC.", [], "2027-01-15T06:30:00+00:00"),
        ("Access returns 2026-12-03T08:00:00Z.", [], "2026-12-03T08:00:00+00:00"),
        ("No date.", [], "2026-12-01T00:00:00+00:00"),
        ("Since 2026-09-01.", [], "2026-12-01T00:00:00+00:00"),
        ("On 2099-01-01.", [], "2026-12-01T00:00:00+00:00"),
        ("On 2026-13-45.", [], "2026-12-01T00:00:00+00:00"),
        (GOOGLE, ["resource_exhausted"], "2026-12-01T08:00:00+00:00"),
    ],
)
def test_cap_ends_at_the_named_date_else_with_the_month(message: str, codes: list[str], until: str) -> None:
    assert cap_ends([message], codes, NOW).isoformat() == until


def test_cap_of_december_ends_in_january() -> None:
    assert cap_ends([], [], datetime(2026, 12, 31, 23, 59, tzinfo=UTC)).isoformat() == "2027-01-01T00:00:00+00:00"


def test_spend_cap_survives_pickling_with_its_date() -> None:
    error = pickle.loads(pickle.dumps(DriverSpendCap("what", where="w", until=NOW)))
    assert (error.until, error.elsewhere, str(error)) == (NOW, True, "w: what")
