"""Computes how long to wait before the next try. Never sleeps."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_BACKOFF_SECONDS = 0.5
FIRST_LIMITED_SECONDS = 2.0
"""First wait after a rate limit that doesn't say when it ends; the shortest limits of providers are per minute."""
LONGEST_BACKOFF_SECONDS = 60.0
BACKOFF_JITTER = 0.25
REQUESTED_JITTER = 0.1
"""Waits are lengthened by a random part, up to this fraction, so that a fleet doesn't wake all at once."""
LONGEST_JITTER_SECONDS = 5.0
PATIENCE_SECONDS = 25 * 3600.0
"""Longest time that unstated limits are waited out: limits last a day at most, so a longer refusal won't end by itself.
"""

FORGET_SECONDS = 600.0
"""After a wait and this long without a further refusal, the next rate limit starts a new streak."""


def next_wait(failed: int, requested_seconds: float | None, *, limited: bool = False) -> float:
    """Return the seconds to wait after `failed` failed tries: our own growing backoff, or `requested_seconds` if longer."""
    first_seconds = FIRST_LIMITED_SECONDS if limited and requested_seconds is None else FIRST_BACKOFF_SECONDS
    backoff_seconds = min(LONGEST_BACKOFF_SECONDS, first_seconds * 2.0 ** min(failed, 16))
    if requested_seconds is not None and requested_seconds >= backoff_seconds:
        return requested_seconds + _jitter(requested_seconds, REQUESTED_JITTER)
    return backoff_seconds + _jitter(backoff_seconds, BACKOFF_JITTER)


@dataclass(frozen=True, slots=True)
class _Streak:
    """Rate limits in a row; `ends_at` is when the last wait is over."""

    count: int
    began_at: float
    ends_at: float


class UnstatedLimits:
    """Grows the waits after rate limits that don't say when they end, per scope, for all calls of this process.

    Calls that are refused during a wait belong to the same step; an answer ends the streak.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._streaks: dict[str, _Streak] = {}
        self._lock = threading.Lock()

    def next_wait(self, scope: str, patience_seconds: float | None) -> float | None:
        """Return seconds until the next try; None when the streak has lasted longer than `patience_seconds`."""
        now = self._clock()
        with self._lock:
            streak = self._streaks.get(scope)
            if streak is None or now - streak.ends_at > FORGET_SECONDS:
                streak = _Streak(0, now, now)
            if now - streak.began_at > (PATIENCE_SECONDS if patience_seconds is None else patience_seconds):
                return None
            count = streak.count if streak.count and now < streak.ends_at else streak.count + 1
            wait_seconds = next_wait(count - 1, None, limited=True)
            self._streaks[scope] = _Streak(count, streak.began_at, max(streak.ends_at, now + wait_seconds))
        return wait_seconds

    def is_repeated(self, scope: str) -> bool:
        """Whether the scope has refused again after a wait."""
        streak = self._streaks.get(scope)
        return streak is not None and streak.count > 1

    def end(self, scope: str) -> None:
        """End the streak: the scope has answered."""
        if scope in self._streaks:
            with self._lock:
                self._streaks.pop(scope, None)


unstated_limits = UnstatedLimits()
flex_refusals = UnstatedLimits()
"""The same for requests of the service tier flex that a provider has no room for."""


def _jitter(seconds: float, part: float) -> float:
    return random.random() * min(seconds * part, LONGEST_JITTER_SECONDS)  # noqa: S311 (spreads retries, guards nothing)
