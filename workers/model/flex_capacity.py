"""Waits while a provider has no room for a request of the service tier flex: hands the iteration back, at no cost."""

from __future__ import annotations

import logging
from typing import NoReturn

from botticelli.carousel.plan.planned_calls import Call
from botticelli.errors import DriverTransient
from botticelli.telemetry.log import log
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ModelDown, ParkUntil
from workers.context.retry_waits import flex_refusals


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
