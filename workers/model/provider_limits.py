"""Follows what providers say of their limits: spend limits, no room for the service tier flex, and reported rate limits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from botticelli.budget.scope_paused import PAUSED, ScopePaused
from botticelli.carousel import pause_at_spend_cap
from botticelli.carousel.admission.dispatch import refusal_summary
from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import Driver, ReportsLimits
from botticelli.errors import DriverSpendCap, DriverTransient
from botticelli.runtime.process import Runtime
from botticelli.runtime.scopes import OVERRIDE_WAIT_MS
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.log import log
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ModelDown, ParkUntil
from workers.context.retry_waits import next_wait

PATIENCE_SECONDS = 25 * 3600.0
"""Longest time that unstated limits are waited out: limits last a day at most, so a longer refusal won't end by itself.
"""
FORGET_SECONDS = 600.0
"""After a wait and this long without a further refusal, the next rate limit starts a new streak."""
_written: dict[str, Mapping[str, int]] = {}
"""The limits that this process wrote last, by scope. Threads that write the same limits twice do no harm."""


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


def pause_for_spend_cap(stage: IterationContext, call: Call, error: DriverSpendCap, act: str) -> NoReturn:
    """Pause all models of the provider, or this one where they share no budget; ParkUntil, to look at the pause later."""
    scope = call.account_scope or call.scope
    reason = f"spend limit of the provider: {error.what}"
    pause = pause_at_spend_cap(stage.runtime, scope.name, call.model.provider, reason, error.until)
    log("scope_paused", level=logging.WARNING, scope=scope.name, until=pause.until, error=error)
    stage.tell("call_failed", act=act, error=str(error), paused_until=error.until.isoformat())
    wait = OVERRIDE_WAIT_MS
    refusal = ScopePaused(scope.name, PAUSED, 0, 0, 0, wait, paused_by=pause.set_by, reason=pause.reason)
    raise ParkUntil(wait / 1000, str(refusal), refusal_summary(refusal))


def wait_for_capacity(stage: IterationContext, call: Call, error: DriverTransient, act: str) -> NoReturn:
    """Hand the iteration back for a growing while: ParkUntil. The refusal is no failed try, and closes no budget.

    ModelDown when there was no room for `max_wait_seconds` of the run, or for 25 hours where it has none.
    """
    reason = f"{call.model} has no room for {call.service} requests now: {error}"
    grown_seconds = flex_refusals.next_wait(call.scope.name, stage.run.max_wait_seconds)
    if grown_seconds is None:
        raise ModelDown(f"{reason}; it had none for as long as the run may wait") from None
    wait_seconds = max(grown_seconds, error.retry_after_seconds or 0.0)
    log("flex_refused", level=logging.WARNING, run=stage.claim.run_id, error=error, wait_seconds=wait_seconds)
    stage.tell("call_failed", act=act, error=reason, wait_seconds=round(wait_seconds, 3))
    raise ParkUntil(wait_seconds, reason)


def record_learned_limits(runtime: Runtime, driver: Driver, call: Call) -> None:
    """Write the limits that a driver has learned, if they changed; an unreachable database never loses an answer."""
    if not isinstance(driver, ReportsLimits):
        return
    limits = driver.learned_limits().get(call.model.model)
    key = f"{runtime.settings.redis.prefix} {call.scope.name}"
    if not limits or _written.get(key) == limits:
        return
    try:
        with runtime.store.transaction() as tx:
            tx.learned.learn(call.scope.name, limits)
        _written[key] = limits
    except SERVER_ERRORS as error:
        log("limits_not_learned", level=logging.WARNING, error=type(error).__name__)
