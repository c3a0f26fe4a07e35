"""Computes how long to wait before the next try. Never sleeps."""

from __future__ import annotations

import random

FIRST_BACKOFF_SECONDS = 0.5
FIRST_LIMITED_SECONDS = 2.0
"""First wait after a rate limit that doesn't say when it ends; the shortest limits of providers are per minute."""
LONGEST_BACKOFF_SECONDS = 60.0
BACKOFF_JITTER = 0.25
REQUESTED_JITTER = 0.1
"""Waits are lengthened by a random part, up to this fraction, so that a fleet doesn't wake all at once."""
LONGEST_JITTER_SECONDS = 5.0


def next_wait(failed: int, requested_seconds: float | None, *, limited: bool = False) -> float:
    """Return the seconds to wait after `failed` failed tries: our own growing backoff, or `requested_seconds` if longer."""
    first_seconds = FIRST_LIMITED_SECONDS if limited and requested_seconds is None else FIRST_BACKOFF_SECONDS
    backoff_seconds = min(LONGEST_BACKOFF_SECONDS, first_seconds * 2.0 ** min(failed, 16))
    if requested_seconds is not None and requested_seconds >= backoff_seconds:
        return requested_seconds + _jitter(requested_seconds, REQUESTED_JITTER)
    return backoff_seconds + _jitter(backoff_seconds, BACKOFF_JITTER)


def _jitter(seconds: float, part: float) -> float:
    return random.random() * min(seconds * part, LONGEST_JITTER_SECONDS)  # noqa: S311 (spreads retries, guards nothing)
