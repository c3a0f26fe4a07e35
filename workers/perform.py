"""Perform one iteration: claim it, act by act, finish it, admit the next. Safe to call twice, or too late."""

from __future__ import annotations

import logging
from datetime import timedelta

from botticelli.budget import Ticket
from botticelli.carousel import advance, given_variables_of, narrative_of, plan_of, publish, variables_of
from botticelli.carousel.levers import release_all, stop_admission
from botticelli.errors import BotticelliError, Stale
from botticelli.failpoints import reach
from botticelli.runtime import Runtime
from botticelli.store import Run, Transaction
from botticelli.telemetry import log, logger
from workers.handing_back import release
from workers.leases import keeper_of
from workers.order import perform_acts
from workers.outages import SERVERS_AWAY
from workers.outcomes import (
    ActFailed,
    Cancelled,
    Failed,
    GivenBack,
    Halt,
    Halted,
    Held,
    LongWait,
    Outcome,
    RunEnding,
    RunHeld,
    Succeeded,
)
from workers.presence import worker_name
from workers.stage import Retries, Stage
from workers.sweeper import wake


def perform(runtime: Runtime, run_id: str, number: int) -> None:
    """Returns when the iteration has ended, was given back, or was nothing for us.

    A server that goes away in the middle ends it here: the sweep queues it again when the server is back, finished acts
    are kept.
    """
    try:
        stage = _claim(runtime, run_id, number)
        if stage is None:
            log("nothing_to_claim", run=run_id, iteration=number)
            return
        reach("iteration_claimed")
        _perform(stage)
        reach("before_ack")
    except SERVERS_AWAY as error:
        log("iteration_interrupted", level=logging.WARNING, run=run_id, iteration=number, error=type(error).__name__)


def _perform(stage: Stage) -> None:
    """One that was taken over meanwhile writes nothing any more; what its own ticket still holds is given back."""
    runtime, claim = stage.runtime, stage.claim
    try:
        with keeper_of(runtime).holding(claim):
            outcome = _acts(stage)
            reach("acts_performed")
            release(runtime, claim)
            reach("ticket_released")
            _conclude(stage, outcome)
    except Stale:
        log("iteration_taken_over", level=logging.WARNING, run=claim.run_id, iteration=claim.number)
        release(runtime, claim)


def _claim(runtime: Runtime, run_id: str, number: int) -> Stage | None:
    """The attempt is counted here; None when there is nothing to do."""
    with runtime.store.transaction() as tx:
        lease_seconds = runtime.settings.worker.lease_seconds
        claim = tx.iterations.claim(run_id, number, worker=worker_name(), lease_seconds=lease_seconds)
        if claim is None:
            return None
        earlier = tx.acts.of_iteration(run_id, number) if claim.fence > 1 else []
        return Stage(
            runtime=runtime,
            claim=claim,
            run=tx.runs.get(run_id),
            narrative=narrative_of(tx, run_id),
            variables=variables_of(tx, run_id),
            plan=plan_of(runtime, tx, run_id),
            finished=[row for row in earlier if row.status != "failed"],
            given=given_variables_of(tx, run_id),
            retries=Retries(claim.retries_used),
        )


def _acts(stage: Stage) -> Outcome:
    try:
        perform_acts(stage)
    except ActFailed as failure:
        return Failed(failure.error)
    except RunEnding:
        return Cancelled()
    except RunHeld:
        return Held(stage.retries_used)
    except LongWait as wait:
        return GivenBack(wait.wait_seconds, wait.reason, stage.retries_used, wait.waiting_for)
    except Halt as halt:
        return Halted(halt.reason, stage.retries_used)
    except (Stale, *SERVERS_AWAY):
        raise
    except BotticelliError as error:
        return Failed(str(error))
    except Exception as error:
        logger.exception("iteration_broken run=%s iteration=%s", stage.claim.run_id, stage.claim.number)
        return Failed(f"internal error ({type(error).__name__}); the worker's log has the details")
    return Succeeded()


def _park(stage: Stage, tx: Transaction, run: Run, outcome: GivenBack) -> None:
    claim = stage.claim
    tx.iterations.requeue(claim.run_id, claim.number, claim.fence, retries_used=outcome.retries_used)
    if run.status == "running":
        stage.runtime.events.tell(
            run.id, "run_waiting", reason=outcome.reason, retry_after_seconds=round(outcome.wait_seconds, 3)
        )
        due_at = run.now + timedelta(seconds=outcome.wait_seconds)
        waiting = {"waiting_since": run.now, "waiting_for": outcome.waiting_for}
        tx.runs.set(run.id, status="waiting", reason=outcome.reason, due_at=due_at, **waiting)


def _conclude(stage: Stage, outcome: Outcome) -> None:
    """The iteration's end and the run's counters, and the next admission, in one transaction; then the messages."""
    runtime, claim = stage.runtime, stage.claim
    tickets: list[Ticket] = []
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(claim.run_id)
        tx.iterations.guard(claim, lease_seconds=runtime.settings.worker.lease_seconds)
        if isinstance(outcome, GivenBack | Held | Halted) and run.ending is not None:
            outcome = Cancelled()
        match outcome:
            case GivenBack():
                _park(stage, tx, run, outcome)
            case Held(retries_used):
                tx.iterations.requeue(claim.run_id, claim.number, claim.fence, retries_used=retries_used)
            case Halted(reason, retries_used):
                tx.iterations.requeue(claim.run_id, claim.number, claim.fence, retries_used=retries_used)
                tx.runs.set(run.id, status="paused", reason=reason, due_at=None, waiting_for=None)
                tickets = [Ticket.from_json(ticket) for ticket in tx.iterations.withdraw(run.id)]
            case Succeeded():
                tx.iterations.finish(claim, "succeeded", None)
                run = tx.runs.count_iteration(run, claim.number, succeeded=True, failed=False)
            case Cancelled():
                tx.iterations.finish(claim, "cancelled", None)
                run = tx.runs.count_iteration(run, claim.number, succeeded=False, failed=False)
            case Failed(error):
                tx.iterations.finish(claim, "failed", error)
                tx.ledger.abandon(run.id, claim.number)
                run = tx.runs.count_iteration(run, claim.number, succeeded=False, failed=True)
                if not run.continue_on_error and run.ending is None:
                    tickets = stop_admission(runtime, tx, run, "failed", f"iteration {claim.number}: {error}")
                    run = tx.runs.lock(run.id)
        given_back = isinstance(outcome, GivenBack | Halted)
        publications = [] if given_back else advance(runtime, tx, run)
    reach("iteration_finished")
    release_all(runtime, tickets)
    publish(runtime, publications)
    if not publications:
        wake()
    log("iteration_ended", run=run.id, iteration=claim.number, outcome=type(outcome).__name__.lower())
