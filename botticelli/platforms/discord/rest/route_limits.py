"""Keeps Discord's rate limits of single routes: buckets, as its headers name them, shared by threads and processes.

Source: Discord's documentation, "Rate limits": X-RateLimit-Bucket, -Remaining, -Reset-After. The limits over all routes
are in `global_limits.py`.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any, Protocol

from redis.exceptions import RedisError

from botticelli.platforms.discord.rest.api import Request
from botticelli.platforms.platform_waits import parse_wait_seconds, whole_number
from botticelli.platforms.protocol import PlatformContext
from botticelli.telemetry.log import log

MAX_REMAINING = 100_000
_NAME = re.compile(r"[\x21-\x7e]{1,128}")


class Meter(Protocol):
    """Stores buckets."""

    def take(self, bucket: str) -> int:
        """Grant and count one request (0), or return the milliseconds to wait."""
        ...

    def learn(self, bucket: str, remaining: int, reset_ms: int) -> None: ...


class Buckets:
    """Maps routes to buckets. The first answer of a route names its bucket; until then the route is its own bucket."""

    def __init__(self, place: PlatformContext | None) -> None:
        self._meter: Meter = MemoryMeter() if place is None or place.redis is None else SharedMeter(place)
        self._names: dict[str, str] = {}

    def take(self, request: Request) -> int:
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
    """Stores buckets in Redis for all processes of the bot; without Redis each process counts for itself."""

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
        try:
            return int(self._scripts["take"](keys=[f"{self._prefix}:bucket:{bucket}"]))
        except RedisError as error:
            log("discord_limits_alone", level=logging.WARNING, error=type(error).__name__)
            return self._alone.take(bucket)

    def learn(self, bucket: str, remaining: int, reset_ms: int) -> None:
        self._alone.learn(bucket, remaining, reset_ms)
        try:
            self._scripts["learn"](keys=[f"{self._prefix}:bucket:{bucket}"], args=[remaining, reset_ms])
        except RedisError as error:
            log("discord_limits_alone", level=logging.WARNING, error=type(error).__name__)


class MemoryMeter:
    """Stores buckets for the threads of one process, by the same rules as the Lua scripts."""

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
