"""Recognises a provider's own spend cap in an error response, and reads until when it lasts. Judges no other error.

Sources: the pages of Anthropic (error codes of spend limits), OpenAI (spend and usage limits of organisations and
projects) and Google (monthly spending cap), read in November 2026. A cap of a contract or an empty balance is none:
no date ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

CODES = frozenset(
    (
        "enforced_spend_limit_reached",
        "workspace_spend_limit_reached",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
        "spend_limit_exceeded",
    )
)
PHRASES = re.compile(
    r"you have reached your (?:specified (?:workspace )?|workspace )api usage limits"
    r"|has exceeded its monthly spend(?:ing)? cap",
    re.IGNORECASE,
)
STATUSES = frozenset((400, 402, 403, 429))
"""Statuses with which the phrases count; inside an answer that began well, any."""
LONGEST_MESSAGE = 600
"""A longer message may quote the request, whose words say nothing about the account."""
LONGEST = timedelta(days=366)
DATE = re.compile(r"\b(\d{4}-\d{2}-\d{2})(?:[T ]+(?:at +)?(\d{2}:\d{2}))?")
GOOGLE_ZONE = ZoneInfo("America/Los_Angeles")


def is_spend_cap(status: int, codes: Iterable[str], messages: Iterable[str]) -> bool:
    """Whether an error response says that a spend limit of the account is reached."""
    if not CODES.isdisjoint(codes):
        return True
    return (status < 300 or status in STATUSES) and any(
        len(message) <= LONGEST_MESSAGE and PHRASES.search(message) for message in messages
    )


def cap_ends(messages: Iterable[str], codes: Iterable[str], now: datetime) -> datetime:
    """Return the date that the response names, else the first of the next month, where the provider counts months."""
    for message in messages:
        for day, clock in DATE.findall(message[:LONGEST_MESSAGE]):
            named = _moment(f"{day}T{clock or '00:00'}")
            if named is not None and now < named <= now + LONGEST:
                return named
    return _next_month(now.astimezone(GOOGLE_ZONE if "resource_exhausted" in codes else UTC)).astimezone(UTC)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _next_month(local: datetime) -> datetime:
    year, month = divmod(local.year * 12 + local.month, 12)
    return datetime(year, month + 1, 1, tzinfo=local.tzinfo)
