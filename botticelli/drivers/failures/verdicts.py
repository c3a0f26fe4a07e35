"""Classifies an error response: transient, out of money, or impossible as it is.

Fields decide (status, codes, google.rpc details). Phrases of a message count only when no field decides, because
providers put the same advice about plan and billing into errors that pass by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

from botticelli.drivers.failures.error_details import Details, collect_details
from botticelli.drivers.failures.spend_caps import is_spend_cap

TOO_MANY = 429
PASSING = frozenset((408, 409, 425, TOO_MANY))
PAYMENT_REQUIRED = 402
REQUEST_FAULTS = frozenset((400, 422))
BILLING = frozenset(
    (
        "insufficient_quota",
        "billing_not_active",
        "billing_error",
        "billing_disabled",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "spend_limit_reached",
        "credit_balance_exhausted",
        "payment_required",
        "insufficient_credits",
        "insufficient_balance",
        "insufficient_funds",
        "insufficient_user_quota",
        "credit_balance_too_low",
    )
)
BILLING_PHRASES = (
    "credit balance is too low",  # Anthropic says so with invalid_request_error
    "insufficient balance",
    "balance insufficient",
    "balance is insufficient",
    "not enough balance",
    "out of credits",
    "insufficient credits",
    "enable billing",  # Google, where the free tier isn't offered
    "requires billing",
)
LIMITED = frozenset(
    (
        "resource_exhausted",
        "rate_limit_error",
        "rate_limit_exceeded",
        "rate_limit_reached",
        "rate_limited",
        "ratelimitexceeded",
        "userratelimitexceeded",
        "quotaexceeded",
        "quota_exceeded",
        "too_many_requests",
        "toomanyrequests",
        "throttling_error",
        "throttlingexception",
    )
)
OVERLOADED = frozenset(
    (
        "overloaded_error",
        "overloaded",
        "engine_overloaded",
        "unavailable",
        "service_unavailable",
    )
)
NO_CAPACITY = ("resource_unavailable", "capacity_exceeded")
NO_CAPACITY_PHRASES = ("resource unavailable", "resources unavailable", "capacity")
"""Words of OpenAI and Google for a flex request that there is no room for."""
NO_ROOM = 503
BAD_KEY = frozenset(
    (
        "api_key_invalid",
        "invalid_api_key",
        "authentication_error",
        "unauthenticated",
        "permission_error",
        "permission_denied",
    )
)
BAD_KEY_PHRASES = ("api key not valid", "invalid_api_key", "api_key_invalid")
TOO_LONG = frozenset(("context_length_exceeded", "request_too_large", "string_above_max_length"))
TOO_LONG_PHRASES = (
    "context_length_exceeded",
    "context length",
    "prompt is too long",
    "exceeds the maximum number of tokens",
    "exceeds the available context size",  # llama.cpp
)
REFUSED = frozenset(("content_filter", "content_policy_violation"))
REFUSED_PHRASES = (*REFUSED, "content management policy")
MISSING = frozenset(("not_found", "not_found_error", "model_not_found"))
INVALID = frozenset(("invalid_request_error", "invalid_argument"))


class Verdict(Enum):
    """Meaning of an error response for the next attempt."""

    LIMITED = "limited"
    """Too many requests in a period; passes by itself."""
    OVERLOADED = "overloaded"
    """The server's own trouble; passes by itself."""
    BILLING = "billing"
    SPEND_CAP = "spend cap"
    """A spend limit of the account; passes with the month, or at the date that the provider names."""
    KEY = "key"
    MISSING = "missing"
    TOO_LONG = "too long"
    REFUSED = "refused"
    FINAL = "final"
    """Would pass, but the server says not to retry."""
    REDIRECT = "redirect"
    UNFIT = "unfit"
    """The endpoint does not accept such calls at all."""
    INVALID = "invalid"
    """The request itself is at fault."""


PASSES = frozenset((Verdict.LIMITED, Verdict.OVERLOADED))
SAME_EVERYWHERE = frozenset((Verdict.REFUSED, Verdict.INVALID))
"""Verdicts that another model would return for the same request."""


class ErrorAnswer(Protocol):
    """The known facts of an error response; `headers` have lower-case names."""

    @property
    def status(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> Any: ...


def judge_error(answer: ErrorAnswer) -> Verdict:
    """Classify an error response."""
    details = collect_details(answer.body)
    status = _status(answer.status, details)
    if is_spend_cap(status, details.codes, (answer.message, *details.messages)):
        return Verdict.SPEND_CAP
    if status == PAYMENT_REQUIRED or details.codes & BILLING:
        return Verdict.BILLING
    text = " ".join((answer.message, *details.messages)).lower()
    verdict = _transient(status, details, text)
    advice = answer.headers.get("x-should-retry", "").strip().lower()
    if verdict in PASSES:
        return verdict if advice != "false" else Verdict.FINAL
    verdict = _permanent(status, details.codes, text)
    return Verdict.OVERLOADED if advice == "true" and verdict in (Verdict.INVALID, Verdict.UNFIT) else verdict


def is_without_capacity(answer: ErrorAnswer) -> bool:
    """Return whether the server has no room now, whatever the limits of the account: for requests that may wait."""
    details = collect_details(answer.body)
    text = " ".join((answer.message, *details.messages)).lower()
    if not details.codes.isdisjoint(NO_CAPACITY) or _says(text, NO_CAPACITY_PHRASES):
        return True
    return _status(answer.status, details) == NO_ROOM and not details.quotas


def _status(status: int, details: Details) -> int:
    """Return the HTTP status; for an error inside a response that began with 200, the status in the body."""
    if status >= 300:
        return status
    return next((inner for inner in details.statuses if 300 <= inner < 600), status)


def _transient(status: int, details: Details, text: str) -> Verdict | None:
    """Return the verdict of fields that mark a transient error; None when no field does.

    An answer that began well is transient unless its codes, or without codes its words, say otherwise.
    """
    if status == 401:
        return None
    if status == TOO_MANY or details.codes & LIMITED or (details.quotas and status < 500):
        return Verdict.LIMITED
    if status in PASSING or status >= 500 or details.codes & OVERLOADED:
        return Verdict.OVERLOADED
    lasts = _permanent(status, details.codes, text) is not Verdict.INVALID or details.codes & INVALID
    return Verdict.OVERLOADED if status < 300 and not lasts else None


def _permanent(status: int, codes: set[str], text: str) -> Verdict:
    """Classify an error that does not pass by itself; phrases count only here."""
    if 300 <= status < 400:
        return Verdict.REDIRECT
    if _says(text, BILLING_PHRASES):
        return Verdict.BILLING
    if codes & REFUSED or _says(text, REFUSED_PHRASES):
        return Verdict.REFUSED
    if status in (401, 403) or codes & BAD_KEY or _says(text, BAD_KEY_PHRASES):
        return Verdict.KEY
    if status == 413 or codes & TOO_LONG or _says(text, TOO_LONG_PHRASES):
        return Verdict.TOO_LONG
    if status in (404, 410) or codes & MISSING:
        return Verdict.MISSING
    return Verdict.INVALID if status in REQUEST_FAULTS or status < 300 else Verdict.UNFIT


def _says(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text for phrase in phrases)


def remedy(verdict: Verdict, key_name: str) -> str:
    """Return what the user can do about it; nothing for a transient error."""
    return {
        Verdict.BILLING: "check the account's plan, billing and spending limits",
        Verdict.SPEND_CAP: "wait for that date, or raise the provider's spend limit",
        Verdict.KEY: f"check the key in {key_name} and its permissions",
        Verdict.MISSING: "check the model's name, base_url and the key's permissions",
        Verdict.TOO_LONG: "shorten the prompt or the history (history = false), or choose a model with a larger context",
        Verdict.REFUSED: "the provider refused the content; change the prompt",
        Verdict.FINAL: "the provider says not to try again; check its status page, or name a second model",
        Verdict.REDIRECT: "the answer is a redirect, which is not followed; set base_url to the final address",
        Verdict.UNFIT: "check base_url: the server doesn't accept such calls there",
        Verdict.INVALID: "change what the act sends",
    }.get(verdict, "")
