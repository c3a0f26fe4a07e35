"""Reads how long a provider asks to wait, from the headers and the body of its answer. Never waits itself.

Sources: Retry-After (RFC 9110), google.rpc RetryInfo and QuotaFailure, and the `…ratelimit…-reset…` headers of
Anthropic, OpenAI, Azure, Groq, Cerebras, Mistral, GitHub and OpenRouter (which puts them into the body).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from botticelli.drivers.failures.error_details import Details, collect_details
from botticelli.untrusted.retry_after import bounded, said_in, wait_seconds

GEMINI_DAY = ZoneInfo("America/Los_Angeles")
PER_DAY = re.compile(r"per_?day|daily|/d/", re.IGNORECASE)
NOTHING = re.compile(r"0+(?:\.0*)?|-\d+(?:\.\d*)?", re.ASCII)
"""Matches a used-up remainder; some servers count on below 0."""
MILLISECOND = 0.001
LIMITS = ("ratelimit", "x-ratelimit", "x-rate-limit")
"""Headers that hold limit, remainder and reset in fields (draft-ietf-httpapi-ratelimit-headers)."""
FIELD = re.compile(r"\b(r|t|remaining|reset)\s*=\s*(-?\d+)", re.ASCII)


def requested_wait_seconds(headers: Mapping[str, str], body: Any, now: datetime | None = None) -> float | None:
    """Return the minimum wait before the next attempt, or None when the provider names none.

    `headers` have lower-case names. A daily quota outranks everything else, because Google sends short delays with it;
    then come Retry-After, the body's own delay, the limits that are used up, and last the words of the message.
    """
    now = now or datetime.now(UTC)
    details = collect_details(body)
    return next((wait for wait in _by_rank(headers, details, now) if wait is not None), None)


def _by_rank(headers: Mapping[str, str], details: Details, now: datetime) -> Iterator[float | None]:
    delay = _longest(map(_google_delay, details.delays), now)
    if any(PER_DAY.search(quota) for quota in details.quotas):
        yield bounded(max(seconds_to_midnight(now, GEMINI_DAY), delay or 0.0))
    yield _retry_after(headers, now)
    yield delay
    yield _in_body(details.waits, now)
    yield _retry_after(details.headers, now)
    yield _resets(headers, now)
    yield _resets(details.headers, now)
    yield from (said_in(message, now) for message in details.messages)


def seconds_to_midnight(now: datetime, zone: ZoneInfo) -> float:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    return (midnight.astimezone(UTC) - now).total_seconds()


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    milliseconds = wait_seconds(headers.get("retry-after-ms"), now, unit_seconds=MILLISECOND)
    return wait_seconds(headers.get("retry-after"), now) if milliseconds is None else milliseconds


def _google_delay(delay: Any) -> Any:
    """Read a protobuf Duration, `"3.5s"` or its fields; return None for anything else."""
    if isinstance(delay, Mapping):
        seconds = delay.get("seconds")
        return seconds if isinstance(seconds, int | str) else None
    return delay if isinstance(delay, str) and delay.strip().endswith("s") else None


def _in_body(waits: Mapping[str, Any], now: datetime) -> float | None:
    return _longest_of(
        wait_seconds(value, now, unit_seconds=MILLISECOND if name.endswith("ms") else 1.0)
        for name, value in waits.items()
    )


def _resets(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return when all used-up limits have reset; without headers that name a remainder, the first reset."""
    empty: list[float] = []
    unsaid: list[float] = []
    for name, text in headers.items():
        if name in LIMITS:
            empty += _in_fields(text, now)
        if "ratelimit" not in name.replace("rate-limit", "ratelimit") or "reset" not in name:
            continue
        wait = wait_seconds(text, now)
        remaining = _remaining(headers, name)
        if wait is not None and remaining is None:
            unsaid.append(wait)
        elif wait is not None and remaining is not None and NOTHING.fullmatch(remaining.strip()):
            empty.append(wait)
    return max(empty) if empty else min(unsaid, default=None)


def _in_fields(text: str, now: datetime) -> Iterator[float]:
    """Yield the resets of the used-up limits in a field: `"day";r=0;t=30`, `limit=9, remaining=0, reset=30`."""
    for limit in text.split(",") if ";" in text else [text]:
        fields: dict[str, str] = dict(FIELD.findall(limit.lower()))
        wait = wait_seconds(fields.get("t", fields.get("reset")), now)
        if wait is not None and NOTHING.fullmatch(fields.get("r") or fields.get("remaining") or ""):
            yield wait


def _remaining(headers: Mapping[str, str], name: str) -> str | None:
    """Return the remainder that belongs to the reset header `name`."""
    names = (name.replace("reset", "remaining"), name.replace("reset-after", "remaining"))
    return next((headers[other] for other in names if other != name and other in headers), None)


def _longest(values: Iterator[Any] | Sequence[Any], now: datetime) -> float | None:
    return _longest_of(wait_seconds(value, now) for value in values)


def _longest_of(waits: Iterator[float | None]) -> float | None:
    return max((wait for wait in waits if wait is not None), default=None)
