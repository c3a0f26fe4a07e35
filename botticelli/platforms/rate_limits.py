"""Defines rate limits that all processes of an installation share, and keeps them within one process.

Across processes the Budget keeps them (botticelli/runtime/scopes.py).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class PlatformLimit:
    """Allows at most `requests` in any `period_seconds`.

    `scope` is its name in the Budget, `source` the setting it comes from. `closed_at_first`: without a record of past
    requests the limit counts as exhausted and opens after one period; otherwise it counts as unused.
    """

    scope: str
    requests: int
    period_seconds: float
    source: str
    closed_at_first: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Refuses a request for `wait_ms`. `why` is for people."""

    wait_ms: int
    why: str


class RateLimiter(Protocol):
    """Grants requests. Its methods raise PlatformTransient if the shared record can't be reached."""

    def take(self, limit: PlatformLimit) -> Wait | None:
        """Grant and count one request (None), or return the wait."""
        ...

    def close(self, limit: PlatformLimit, wait_ms: int) -> None:
        """Grant nothing for `wait_ms` from now; never shortens an earlier closure."""
        ...

    def is_exhausted(self, limit: PlatformLimit) -> bool: ...


@runtime_checkable
class RateLimited(Protocol):
    """Has rate limits."""

    def platform_limits(self) -> tuple[PlatformLimit, ...]:
        """List them; empty for a platform that sends no requests."""
        ...


class MemoryRateLimiter:
    """Keeps rate limits for the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = defaultdict(deque)
        self._closed_until: dict[str, float] = {}

    def take(self, limit: PlatformLimit) -> Wait | None:
        with self._lock:
            now, taken = time.monotonic(), self._counted(limit)
            until = self._closed_until.get(limit.scope, now)
            if len(taken) >= limit.requests:
                until = max(until, taken[0] + limit.period_seconds)
            if until > now:
                return Wait(round((until - now) * 1000) + 1, f"{limit.scope}: closed, or used up")
            taken.append(now)
            return None

    def close(self, limit: PlatformLimit, wait_ms: int) -> None:
        with self._lock:
            until = time.monotonic() + wait_ms / 1000
            self._closed_until[limit.scope] = max(until, self._closed_until.get(limit.scope, until))

    def is_exhausted(self, limit: PlatformLimit) -> bool:
        with self._lock:
            return len(self._counted(limit)) >= limit.requests

    def _counted(self, limit: PlatformLimit) -> deque[float]:
        taken, since = self._taken[limit.scope], time.monotonic() - limit.period_seconds
        while taken and taken[0] <= since:
            taken.popleft()
        return taken
