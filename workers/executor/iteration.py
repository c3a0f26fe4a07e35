"""Performs one iteration: claims it, runs its acts, records its end. A repeated or late call does nothing."""

from __future__ import annotations

import logging

from celery.exceptions import SoftTimeLimitExceeded

from botticelli.errors import BotticelliError, StaleLease
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log, logger
from workers.batching.wait_window import busy_counter
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import (
    ActFailed,
    Blocked,
    BlockRun,
    Cancelled,
    Capped,
    CapReached,
    Failed,
    Outcome,
    Parked,
    ParkUntil,
    Paused,
    RunEnding,
    RunPaused,
    Succeeded,
)
from workers.context.trace_spans import end_iteration, iteration_span
from workers.executor.act_sequence import perform_acts
from workers.executor.claims import claim
from workers.executor.completion import conclude
from workers.recovery.hand_back import hand_back, release
from workers.recovery.leases import keeper_of


def perform(runtime: Runtime, run_id: str, number: int) -> Failed | None:
    """Perform an iteration until it ends or is handed back; return its failure once that is recorded, else None.

    When a server goes away meanwhile, this attempt ends: finished acts are kept, and the sweep queues the iteration
    again when the server is back.
    """
    try:
        with busy_counter.busy():
            return _claim_and_perform(runtime, run_id, number)
    except SERVER_ERRORS as error:
        log("iteration_interrupted", level=logging.WARNING, run=run_id, iteration=number, error=type(error).__name__)
        return None


def _claim_and_perform(runtime: Runtime, run_id: str, number: int) -> Failed | None:
    stage = claim(runtime, run_id, number)
    if stage is None:
        log("nothing_to_claim", run=run_id, iteration=number)
        return None
    reach("iteration_claimed")
    outcome = _perform(stage)
    reach("before_ack")
    return outcome if isinstance(outcome, Failed) else None


def _perform(stage: IterationContext) -> Outcome | None:
    """Run the acts and return the outcome; None when the lease was lost and its own ticket is released."""
    runtime, held = stage.runtime, stage.claim
    try:
        with keeper_of(runtime).holding(held), iteration_span(stage) as span:
            outcome = _acts(stage)
            reach("acts_performed")
            return end_iteration(span, _conclude(stage, outcome))
    except StaleLease:
        log("iteration_taken_over", level=logging.WARNING, run=held.run_id, iteration=held.number)
        release(runtime, held)
    except SoftTimeLimitExceeded:
        hand_back(runtime, held, "the soft time limit came at its very end")
    return None


def _acts(stage: IterationContext) -> Outcome:
    try:
        perform_acts(stage)
    except ActFailed as failure:
        return Failed(failure.error)
    except RunEnding:
        return Cancelled()
    except RunPaused:
        return Paused(stage.retries_used)
    except ParkUntil as wait:
        return Parked(wait.wait_seconds, wait.reason, stage.retries_used, wait.waiting_for)
    except CapReached as cap:
        return Capped(cap.reason, stage.retries_used)
    except BlockRun as halt:
        return Blocked(halt.reason, stage.retries_used, halt.waits_for)
    except SoftTimeLimitExceeded:
        return Failed("longer than the worker's soft time limit; raise task_soft_time_limit, or lower timeout_seconds")
    except (StaleLease, *SERVER_ERRORS):
        raise
    except BotticelliError as error:
        return Failed(str(error))
    except Exception as error:
        return _unexpected_failure(stage, error)
    return Succeeded()


def _conclude(stage: IterationContext, outcome: Outcome) -> Outcome:
    """Record the outcome and return it; an iteration whose last act can't be written has failed."""
    try:
        conclude(stage, outcome)
        return outcome
    except (StaleLease, SoftTimeLimitExceeded, *SERVER_ERRORS):
        raise
    except Exception as error:
        if not stage.last_acts:
            raise
        stage.last_acts.clear()
        outcome = _unexpected_failure(stage, error)
        conclude(stage, outcome)
        return outcome


def _unexpected_failure(stage: IterationContext, error: Exception) -> Failed:
    """Log an unexpected error, and return it as the iteration's failure."""
    logger.error("iteration_broken run=%s iteration=%s", stage.claim.run_id, stage.claim.number, exc_info=error)
    return Failed(f"internal error ({type(error).__name__}); the worker's log has the details")
