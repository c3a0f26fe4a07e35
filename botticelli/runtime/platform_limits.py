"""The limits of platforms as scopes of the Budget: charged at once, without a ticket and without a row in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from botticelli.budget import Amounts, Budget, PastCharge, Refusal, Scope, Window
from botticelli.errors import PlatformTransient, ServiceUnavailable
from botticelli.platforms.rate_limits import Pace, Wait

ONE = Amounts(requests=1)
AWAY_SECONDS = 1.0
LATER_THAN_ANY_MS = 2**52
"""When something was charged that nobody wrote down: its window starts full."""
Answer = TypeVar("Answer")


class BudgetPacing:
    """Tells why and how long a budget makes a call wait.

    `refused` says who has paused a scope, `in_force` what was lowered in it, `later_ms` when to ask again what no wait
    will grant.
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
        self._known: dict[str, Pace] = {}

    def scope(self, pace: Pace) -> Scope:
        """With the usual limit. From now on it is known that the ledger says nothing of it."""
        self._known[pace.scope] = pace
        return Scope(pace.scope, (Window("requests", pace.requests, pace.period_seconds),), self._guard_ms)

    def take(self, pace: Pace) -> Wait | None:
        scope = self.scope(pace)
        refusal = self._paused([scope]) or self._asked(lambda budget: budget.charge(self._in_force(scope), ONE))
        if refusal is None:
            return None
        return Wait(self._later_ms if refusal.retry_after_ms is None else refusal.retry_after_ms, str(refusal))

    def close(self, pace: Pace, wait_ms: int) -> None:
        self._asked(lambda budget: budget.block_until(self.scope(pace), wait_ms))

    def is_used_up(self, pace: Pace) -> bool:
        usage = self._asked(lambda budget: budget.usage(self.scope(pace)))
        return any(window.remaining == 0 for window in usage.windows)

    def past_charges(self, scopes: Sequence[Scope]) -> tuple[list[PastCharge], list[Scope]]:
        """What a server that forgot everything is told of these scopes, and the scopes that only the ledger knows."""
        known = [self._known[scope.name] for scope in scopes if scope.name in self._known]
        past = [PastCharge(one.scope, ONE, LATER_THAN_ANY_MS) for one in known if one.closed_at_first]
        return past, [scope for scope in scopes if scope.name not in self._known]

    def _asked(self, ask: Callable[[Budget], Answer]) -> Answer:
        from redis.exceptions import RedisError

        try:
            return ask(self._budget())
        except (RedisError, ServiceUnavailable) as error:
            what = f"the Budget can't be asked: {type(error).__name__}"
            raise PlatformTransient(what, retry_after_seconds=AWAY_SECONDS) from None
