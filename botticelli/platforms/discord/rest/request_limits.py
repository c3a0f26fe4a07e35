"""Keeps Discord's rate limits: of single routes, which its headers name, and of one bot over all routes.

Source: Discord's documentation, "Rate limits": buckets of routes (X-RateLimit-Bucket, -Remaining, -Reset-After); 50
requests a second for a bot (more for very large ones); "Invalid request limit": 10,000 answers 401, 403 or 429 in 10
minutes, those of scope `shared` not counted. We count 404 as well: asking again and again for what is not there is
answered by the same restriction.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib.resources import files
from typing import Any, Protocol

from botticelli.errors import PlatformTransient, SettingsError
from botticelli.platforms.discord.rest.api import Request
from botticelli.platforms.protocol import PlatformContext
from botticelli.platforms.rate_limits import MemoryRateLimiter, PlatformLimit, RateLimiter, Wait
from botticelli.telemetry.log import log

PER_SECOND, MOST_PER_SECOND = 50, 10_000
INVALID, LOCKED_OUT_AT = 2_000, 10_000
INVALID_MINUTES = 10
REFUSING = (401, 403, 404, 429)
OPTIONS = ("requests_per_second", "invalid_requests")
MAX_REMAINING = 100_000
_NAME = re.compile(r"[\x21-\x7e]{1,128}")
MAX_SECONDS = 3600.0
"""Longest wait that an answer of a platform can cause; then the platform is tried again."""
DEFAULT_WAIT_SECONDS = 1.0


def discord_limits(options: Mapping[str, Any], name: str) -> tuple[PlatformLimit, PlatformLimit]:
    """Return the limit of all requests and that of refused ones, whose count may be lost: its limit leaves room for that."""
    every = _option(options, name, OPTIONS[0], PER_SECOND, MOST_PER_SECOND)
    invalid = _option(options, name, OPTIONS[1], INVALID, LOCKED_OUT_AT - 1)
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


def _option(options: Mapping[str, Any], name: str, option: str, default: int, most: int) -> int:
    number = options.get(option, default)
    if isinstance(number, bool) or not str(number).isdecimal() or not 1 <= int(number) <= most:
        where = f"platforms.{name}.options.{option}"
        raise SettingsError(f"{number!r} is not possible", where=where, do=f"give a whole number from 1 to {most:,}")
    return int(number)


class Meter(Protocol):
    """Counts the requests of each bucket."""

    def take(self, bucket: str) -> int:
        """Grant and count one request (0), or return the milliseconds to wait."""
        ...

    def learn(self, bucket: str, remaining: int, reset_ms: int) -> None:
        """Record how many requests are left, and when the bucket is full again."""
        ...


class RouteLimits:
    """Grants each request by the limit of its route.

    Routes with a limit in common share a bucket. The first answer of a route names it; until then the route is its own.
    """

    def __init__(self, place: PlatformContext | None) -> None:
        self._meter: Meter = MemoryMeter() if place is None or place.redis is None else SharedMeter(place)
        self._names: dict[str, str] = {}

    def take(self, request: Request) -> int:
        """Grant and count one request (0), or return the milliseconds to wait."""
        return self._meter.take(self._bucket(request))

    def learn(self, request: Request, headers: Mapping[str, str]) -> None:
        """Record what the headers of an answer say; unreadable headers are ignored."""
        name = headers.get("x-ratelimit-bucket", "")
        if _NAME.fullmatch(name):
            self._names[self._route(request)] = name
        remaining = whole_number(headers.get("x-ratelimit-remaining"), MAX_REMAINING)
        reset_seconds = parse_wait_seconds(headers.get("x-ratelimit-reset-after"))
        if remaining is not None and reset_seconds is not None:
            self._meter.learn(self._bucket(request), remaining, round(reset_seconds * 1000))

    def close(self, request: Request, wait_ms: int) -> None:
        """Close the bucket of a request for `wait_ms`, after a 429."""
        self._meter.learn(self._bucket(request), 0, wait_ms)

    def _route(self, request: Request) -> str:
        return f"{request.method} {request.route}"

    def _bucket(self, request: Request) -> str:
        route = self._route(request)
        return f"{self._names.get(route, route)}:{request.major}"


class SharedMeter:
    """Counts in Redis for all processes of the bot; without Redis each process counts for itself."""

    def __init__(self, place: PlatformContext) -> None:
        self._place = place
        self._alone = MemoryMeter()
        self._prefix = f"{{{place.prefix}:discord}}"

    @cached_property
    def _redis(self) -> Any:
        assert self._place.redis is not None
        return self._place.redis()

    @cached_property
    def _scripts(self) -> dict[str, Any]:
        folder = files("botticelli.platforms.discord.rest").joinpath("lua")
        names = ("take", "learn")
        return {name: self._redis.register_script(folder.joinpath(f"{name}.lua").read_text("utf-8")) for name in names}

    def take(self, bucket: str) -> int:
        from redis.exceptions import RedisError

        try:
            return int(self._scripts["take"](keys=[f"{self._prefix}:bucket:{bucket}"]))
        except RedisError as error:
            log("discord_limits_alone", level=logging.WARNING, error=type(error).__name__)
            return self._alone.take(bucket)

    def learn(self, bucket: str, remaining: int, reset_ms: int) -> None:
        from redis.exceptions import RedisError

        self._alone.learn(bucket, remaining, reset_ms)
        try:
            self._scripts["learn"](keys=[f"{self._prefix}:bucket:{bucket}"], args=[remaining, reset_ms])
        except RedisError as error:
            log("discord_limits_alone", level=logging.WARNING, error=type(error).__name__)


class MemoryMeter:
    """Counts for the threads of one process, by the same rules as the Lua scripts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[int, float]] = {}

    def take(self, bucket: str) -> int:
        with self._lock:
            now_ms = time.monotonic() * 1000
            remaining, reset_ms = self._buckets.get(bucket, (1, 0.0))
            if reset_ms > now_ms and remaining <= 0:
                return round(reset_ms - now_ms) + 1
            if reset_ms > now_ms:
                self._buckets[bucket] = (remaining - 1, reset_ms)
            return 0

    def learn(self, bucket: str, remaining: int, reset_ms: int) -> None:
        with self._lock:
            now_ms = time.monotonic() * 1000
            self._buckets = {name: item for name, item in self._buckets.items() if item[1] > now_ms}
            known, known_ms = self._buckets.get(bucket, (remaining, 0.0))
            self._buckets[bucket] = (min(remaining, known), max(now_ms + reset_ms, known_ms))


def wait_seconds(body_says: Any, headers: Mapping[str, str]) -> float:
    """Return the wait in seconds that an answer asks for.

    The first figure above 0 in the body or the headers (lower-case names), at most an hour; one second without any.
    """
    for said in (body_says, headers.get("retry-after"), headers.get("x-ratelimit-reset-after")):
        seconds = parse_wait_seconds(said, headers.get("date"))
        if seconds:
            return seconds
    return DEFAULT_WAIT_SECONDS


def parse_wait_seconds(said: Any, date: str | None = None) -> float | None:
    """Parse a finite number, a text with one, or an HTTP date into seconds from 0 to an hour; None for anything else.

    `date` is the sender's own clock, if known.
    """
    seconds: float | None = None
    if isinstance(said, int | float) and not isinstance(said, bool):
        seconds = float(max(min(said, MAX_SECONDS), -MAX_SECONDS))
    elif isinstance(said, str) and len(said) <= 64:
        seconds = _decimal(said)
        if seconds is None and (moment := _moment(said)) is not None:
            seconds = (moment - (_moment(date) or datetime.now(UTC))).total_seconds()
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), MAX_SECONDS)


def whole_number(text: str | None, most: int) -> int | None:
    """Parse a whole number from 0 to `most` in a header; None for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        return None
    return int(text)


def _decimal(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
