"""Limits of a platform that all its processes keep together: what the platform says of them, and whom it asks.

For an installation they are kept by the Budget; here is only what one process does by itself.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `requests` in any `period_seconds`. `scope` is its name in the Budget, `source` the setting that says so.

    `closed_at_first`: what nobody remembers counts as used up, so that it opens after a period; else as unused.
    """

    scope: str
    requests: int
    period_seconds: float
    source: str
    closed_at_first: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `why` is for people."""

    wait_ms: int
    why: str


class Pacing(Protocol):
    """PlatformTransient when nobody can be asked."""

    def take(self, pace: Pace) -> Wait | None:
        """None when one request is granted, which is counted."""
        ...

    def close(self, pace: Pace, wait_ms: int) -> None:
        """Grant nothing for so long from now; never shortens such a time."""
        ...

    def is_used_up(self, pace: Pace) -> bool: ...


@runtime_checkable
class Paced(Protocol):
    """A platform with such limits."""

    def paces(self) -> tuple[Pace, ...]:
        """None where nothing outside is asked."""
        ...


class MemoryPacing:
    """For the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = defaultdict(deque)
        self._closed_until: dict[str, float] = {}

    def take(self, pace: Pace) -> Wait | None:
        with self._lock:
            now, taken = time.monotonic(), self._counted(pace)
            until = self._closed_until.get(pace.scope, now)
            if len(taken) >= pace.requests:
                until = max(until, taken[0] + pace.period_seconds)
            if until > now:
                return Wait(round((until - now) * 1000) + 1, f"{pace.scope}: closed, or used up")
            taken.append(now)
            return None

    def close(self, pace: Pace, wait_ms: int) -> None:
        with self._lock:
            until = time.monotonic() + wait_ms / 1000
            self._closed_until[pace.scope] = max(until, self._closed_until.get(pace.scope, until))

    def is_used_up(self, pace: Pace) -> bool:
        with self._lock:
            return len(self._counted(pace)) >= pace.requests

    def _counted(self, pace: Pace) -> deque[float]:
        taken, since = self._taken[pace.scope], time.monotonic() - pace.period_seconds
        while taken and taken[0] <= since:
            taken.popleft()
        return taken
