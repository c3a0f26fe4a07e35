"""Says when a delivery that failed is tried again: ten attempts over 75 hours. Pure."""

from __future__ import annotations

MINUTE, HOUR = 60.0, 3600.0
WAITS_SECONDS = (
    5.0,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""The wait after each failed attempt; the first attempt is made at once."""
MAX_ATTEMPTS = len(WAITS_SECONDS) + 1
JITTER = 0.1
"""Part by which a wait is longer or shorter, so that receivers that were down are not called by all at once."""
MAX_RETRY_AFTER_SECONDS = 24 * HOUR


def retry_wait_seconds(attempts: int, luck: float, retry_after_seconds: float | None = None) -> float | None:
    """Return the wait after `attempts` failed ones; None after the last. `luck` is a random number from 0 to 1.

    A wait that the receiver asks for is respected up to a day, and never shortens ours.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    wait = WAITS_SECONDS[attempts - 1] * (1 + JITTER * (2 * luck - 1))
    return max(wait, min(retry_after_seconds or 0.0, MAX_RETRY_AFTER_SECONDS))
