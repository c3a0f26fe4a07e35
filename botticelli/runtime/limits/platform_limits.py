"""Enforces the rate limits of platforms as budget scopes: charged at once, without a ticket and without a ledger row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from botticelli.budget import Amounts, Budget, PastCharge, Refusal, Scope, Window
from botticelli.errors import PlatformTransient, ServiceUnavailable
from botticelli.platforms.rate_limits import PlatformLimit, Wait

ONE = Amounts(requests=1)
AWAY_SECONDS = 1.0
"""The wait before the next attempt when the budget can't be reached."""
LATER_THAN_ANY_MS = 2**52
"""The time of a past charge that is assumed because none was recorded: its window starts full."""
Result = TypeVar("Result")


class BudgetRateLimits:
    """Charges platform calls to the budget, and returns how long a call must wait.

    `paused` returns the refusal of a scope that is paused, `in_force` a scope with its temporary limits. `guard_ms`
    lengthens every window. `later_ms` is the wait after a refusal that no wait would lift.
    """

    def __init__(
        self,
        budget: Callable[[], Budget],
        paused: Callable[[Sequence[Scope]], Refusal | None],
        in_force: Callable[[Scope], Scope],
        *,
        guard_ms: int,
        later_ms: int,
    ) -> None:
        self._budget = budget
        self._paused = paused
        self._in_force = in_force
        self._guard_ms = guard_ms
        self._later_ms = later_ms
        self._known: dict[str, PlatformLimit] = {}

    def scope(self, limit: PlatformLimit) -> Scope:
        """Return the scope with its configured limit, and remember that the ledger has no rows for it."""
        self._known[limit.scope] = limit
        return Scope(limit.scope, (Window("requests", limit.requests, limit.period_seconds),), self._guard_ms)

    def take(self, limit: PlatformLimit) -> Wait | None:
        scope = self.scope(limit)
        refusal = self._paused([scope]) or self._call(lambda budget: budget.charge(self._in_force(scope), ONE))
        if refusal is None:
            return None
        return Wait(self._later_ms if refusal.retry_after_ms is None else refusal.retry_after_ms, str(refusal))

    def close(self, limit: PlatformLimit, wait_ms: int) -> None:
        self._call(lambda budget: budget.block_until(self.scope(limit), wait_ms))

    def is_exhausted(self, limit: PlatformLimit) -> bool:
        usage = self._call(lambda budget: budget.usage(self.scope(limit)))
        return any(window.remaining == 0 for window in usage.windows)

    def past_charges(self, scopes: Sequence[Scope]) -> tuple[list[PastCharge], list[Scope]]:
        """Return the charges that rebuild these scopes on a server that lost them, and the scopes of the ledger."""
        known = [self._known[scope.name] for scope in scopes if scope.name in self._known]
        past = [PastCharge(limit.scope, ONE, LATER_THAN_ANY_MS) for limit in known if limit.closed_at_first]
        return past, [scope for scope in scopes if scope.name not in self._known]

    def _call(self, operation: Callable[[Budget], Result]) -> Result:
        """Perform an operation on the budget. Raises PlatformTransient when its server is away."""
        from redis.exceptions import RedisError

        try:
            return operation(self._budget())
        except (RedisError, ServiceUnavailable) as error:
            problem = f"the budget can't be reached: {type(error).__name__}"
            raise PlatformTransient(problem, retry_after_seconds=AWAY_SECONDS) from None
