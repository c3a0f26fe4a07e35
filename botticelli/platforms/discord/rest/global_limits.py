"""Keeps Discord's limits of one bot over all routes: requests per second, and refused requests before a lockout.

Source: Discord's documentation, "Rate limits": 50 requests a second for a bot (more for very large ones); "Invalid request
limit": 10,000 answers 401, 403 or 429 in 10 minutes, those of scope `shared` not counted. We count 404 as well: asking
again and again for what is not there is answered by the same restriction.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.errors import PlatformTransient, SettingsError
from botticelli.platforms.rate_limits import MemoryRateLimiter, PlatformLimit, RateLimiter, Wait
from botticelli.telemetry.log import log

PER_SECOND, MOST_PER_SECOND = 50, 10_000
INVALID, LOCKED_OUT_AT = 2_000, 10_000
INVALID_MINUTES = 10
REFUSING = (401, 403, 404, 429)
OPTIONS = ("requests_per_second", "invalid_requests")


def discord_limits(options: Mapping[str, Any], name: str) -> tuple[PlatformLimit, PlatformLimit]:
    """Return the limit of all requests and that of refused ones, whose count may be lost: its limit leaves room for that."""
    every = _number(options, name, OPTIONS[0], PER_SECOND, MOST_PER_SECOND)
    invalid = _number(options, name, OPTIONS[1], INVALID, LOCKED_OUT_AT - 1)
    where = f"platforms.{name}.options"
    return (
        PlatformLimit("discord/global", every, 1.0, f"{where}.{OPTIONS[0]}"),
        PlatformLimit("discord/invalid", invalid, INVALID_MINUTES * 60, f"{where}.{OPTIONS[1]}", closed_at_first=False),
    )


class GlobalLimits:
    """Grants each request, and stops all requests if Discord says so or has refused too many."""

    def __init__(self, limiter: RateLimiter | None, options: Mapping[str, Any], name: str) -> None:
        self._limiter = limiter or MemoryRateLimiter()
        self._every, self._invalid = discord_limits(options, name)

    def take(self) -> Wait | None:
        """Grant and count one request (None), or return the wait. Raises PlatformTransient if the limits can't be reached."""
        wait = self._limiter.take(self._every)
        if wait is None or wait.wait_ms <= self._every.period_seconds * 1000:
            return wait
        return Wait(wait.wait_ms, self._why(wait))

    def close(self, wait_ms: int) -> None:
        self._limiter.close(self._every, wait_ms)

    def learn(self, status: int, scope: str | None) -> None:
        """Count an answer that was a refusal; if that fails, only log it."""
        if status not in REFUSING or (status == 429 and scope == "shared"):
            return
        try:
            wait = self._limiter.take(self._invalid)
            if wait is not None:
                log("discord_invalid_requests", level=logging.ERROR, closed_ms=wait.wait_ms)
                self.close(wait.wait_ms)
        except PlatformTransient as error:
            log("discord_refusal_uncounted", level=logging.WARNING, error=error)

    def _why(self, wait: Wait) -> str:
        if not self._limiter.is_exhausted(self._invalid):
            return wait.why
        until = (datetime.now(UTC) + timedelta(milliseconds=wait.wait_ms)).strftime("%H:%M:%S UTC")
        return (
            f"it refused {self._invalid.requests:,} requests within {INVALID_MINUTES} minutes (401, 403, 404 or 429), and "
            f"locks out an address at {LOCKED_OUT_AT:,}: nothing is sent until {until}; look for runs that fail, and see "
            f"{self._invalid.source}"
        )


def _number(options: Mapping[str, Any], name: str, option: str, default: int, most: int) -> int:
    number = options.get(option, default)
    if isinstance(number, bool) or not str(number).isdecimal() or not 1 <= int(number) <= most:
        where = f"platforms.{name}.options.{option}"
        raise SettingsError(f"{number!r} is not possible", where=where, do=f"give a whole number from 1 to {most:,}")
    return int(number)
