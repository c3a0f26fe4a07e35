"""Pauses the budget of a provider whose spend limit is reached, and hands the iteration back."""

from __future__ import annotations

import logging
from typing import NoReturn

from botticelli.budget.scope_paused import PAUSED, ScopePaused
from botticelli.carousel import pause_at_spend_cap
from botticelli.carousel.admission.dispatch import refusal_summary
from botticelli.carousel.plan.planned_calls import Call
from botticelli.errors import DriverSpendCap
from botticelli.runtime.limits.scopes import OVERRIDE_WAIT_MS
from botticelli.telemetry.log import log
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ParkUntil


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
