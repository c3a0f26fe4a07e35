"""Calls token-throttle as its documentation shows: one blocking call takes from all windows.

Needs Python 3.12 or newer and the dependency group `bench`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from redis import Redis

NAME = "token-throttle"
PYTHON = (3, 12)
"""The oldest Python for which a version from 14.0 on can be installed."""
PATIENCE_SECONDS = 2.0
"""Longest wait of one call, so that a measuring process ends in time."""
MANY_RESERVATIONS = 10**9
"""Limit of open reservations, which are never released, since the other limiters don't release theirs either."""

Acquire = Callable[[int], bool]
"""Waits until an amount is granted; returns whether it was in time."""


def acquiring(client: Redis, limit: int, periods_seconds: Sequence[int]) -> Acquire:
    """Make buckets of `limit`, refilled within each period. Raises ModuleNotFoundError when it isn't installed."""
    library = import_module("token_throttle")
    quotas = [library.Quota(metric="requests", limit=limit, per_seconds=period) for period in periods_seconds]
    limiter = library.SyncRateLimiter(
        library.PerModelConfig(quotas=library.UsageQuotas(quotas), model_family="rival"),
        backend=library.SyncRedisBackendBuilder(client, key_prefix="bench"),
        max_in_flight_reservations=MANY_RESERVATIONS,
    )

    def acquire(amount: int) -> bool:
        try:
            limiter.acquire_capacity({"requests": amount}, "rival", timeout=PATIENCE_SECONDS)
        except TimeoutError:
            return False
        return True

    return acquire
