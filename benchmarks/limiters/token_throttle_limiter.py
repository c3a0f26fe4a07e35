"""token-throttle as its documentation shows it: one blocking call takes from all windows. Measures nothing itself.

Needs Python 3.12 or newer and the dependency group `bench`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from redis import Redis

NAME = "token-throttle"
PYTHON = (3, 12)
"""The oldest Python that any of its versions from 14.0 can be installed for."""
PATIENCE_SECONDS = 2.0
"""How long it may wait by itself, so that a process that measures comes to its end."""
MANY_RESERVATIONS = 10**9
"""Not given back: what others do for a reservation is counted, and no more."""

Acquire = Callable[[int], bool]
"""Take so many, and wait for them: were they granted in time?"""


def acquiring(client: Redis, limit: int, periods_seconds: Sequence[int]) -> Acquire:
    """Buckets of `limit`, refilled within each period. ModuleNotFoundError: it isn't installed."""
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
