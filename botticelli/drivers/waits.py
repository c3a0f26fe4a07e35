"""How long a provider asks to wait, in seconds: from its headers or its body. Waits for nothing.

Retry-After (RFC 9110), Google's RetryInfo and QuotaFailure (google.rpc), `anthropic-ratelimit-*-reset` (RFC 3339) and
`x-ratelimit-reset-*` (durations such as `6m0s`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

GEMINI_DAY = ZoneInfo("America/Los_Angeles")
LONGEST_SECONDS = 2 * 86_400.0
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
UNITS = (3600.0, 60.0, 1.0, 0.001)


def asked_seconds(headers: Mapping[str, str], body: Any, now: datetime | None = None) -> float | None:
    """A floor for the next try, or None when nothing is said. `headers` have lower-case names."""
    now = now or datetime.now(UTC)
    found = _retry_after(headers, now)
    if found is None:
        found = _of_google(body, now)
    if found is None:
        found = max(_resets(headers, now), default=None)
    return None if found is None else min(max(found, 0.0), LONGEST_SECONDS)


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None and text:
        try:
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return seconds


def _of_google(body: Any, now: datetime) -> float | None:
    """A quota per day is full until midnight in California; else what RetryInfo says."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    found: float | None = None
    for detail in details if isinstance(details, list) else []:
        if not isinstance(detail, Mapping):
            continue
        kind = str(detail.get("@type", ""))
        violations = detail.get("violations") if kind.endswith("QuotaFailure") else None
        if any("PerDay" in str(one) for one in violations or ()):
            return seconds_to_midnight(now, GEMINI_DAY)
        if kind.endswith("RetryInfo"):
            found = _number(str(detail.get("retryDelay", "")).removesuffix("s"))
    return found


def seconds_to_midnight(now: datetime, zone: ZoneInfo) -> float:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    return (midnight.astimezone(UTC) - now).total_seconds()


def _resets(headers: Mapping[str, str], now: datetime) -> Iterator[float]:
    """When each limit of which nothing remains is whole again."""
    for name, text in headers.items():
        if name.startswith("anthropic-ratelimit-") and name.endswith("-reset"):
            remaining = headers.get(name.removesuffix("reset") + "remaining")
            try:
                seconds = (datetime.fromisoformat(text) - now).total_seconds()
            except (ValueError, TypeError):
                continue
        elif name.startswith("x-ratelimit-reset-"):
            remaining = headers.get(name.replace("-reset-", "-remaining-"))
            found = duration_seconds(text)
            if found is None:
                continue
            seconds = found
        else:
            continue
        if remaining is not None and _number(remaining) == 0:
            yield seconds


def duration_seconds(text: str) -> float | None:
    """`6m0s`, `1s`, `20ms`, or plain seconds; None for anything else."""
    match = DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return _number(text)
    return sum(float(part) * unit for part, unit in zip(match.groups(), UNITS, strict=True) if part)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
