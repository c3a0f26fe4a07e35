"""How long to wait before the next try. Sleeps nowhere."""

from __future__ import annotations

import random

FIRST_BACKOFF_SECONDS = 0.5
FIRST_LIMITED_SECONDS = 2.0
"""After a rate limit that doesn't say when it ends: those of a minute are the shortest that providers have."""
LONGEST_BACKOFF_SECONDS = 60.0
BACKOFF_JITTER = 0.25
ASKED_JITTER = 0.1
"""Waits are lengthened by up to this part, so that a fleet doesn't wake all at once."""
LONGEST_JITTER_SECONDS = 5.0


def next_wait(failed: int, asked_seconds: float | None, *, limited: bool = False) -> float:
    """The wait after so many failed tries before this one: a growing one of our own, or longer if the other side asks."""
    first_seconds = FIRST_LIMITED_SECONDS if limited and asked_seconds is None else FIRST_BACKOFF_SECONDS
    backoff_seconds = min(LONGEST_BACKOFF_SECONDS, first_seconds * 2.0 ** min(failed, 16))
    if asked_seconds is not None and asked_seconds >= backoff_seconds:
        return asked_seconds + _jitter(asked_seconds, ASKED_JITTER)
    return backoff_seconds + _jitter(backoff_seconds, BACKOFF_JITTER)


def _jitter(seconds: float, part: float) -> float:
    return random.random() * min(seconds * part, LONGEST_JITTER_SECONDS)  # noqa: S311 (spreads retries, guards nothing)
