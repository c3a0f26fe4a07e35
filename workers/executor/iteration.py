"""Performs one iteration: claims it, runs its acts, records its end. A repeated or late call does nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from celery.exceptions import SoftTimeLimitExceeded

from botticelli.budget import Closing, Settlement, Ticket
from botticelli.carousel import advance, publish
from botticelli.carousel.admission.dispatch import EndedIterations
from botticelli.carousel.control.run_control import release_all, stop_admission
from botticelli.errors import BotticelliError, StaleLease
from botticelli.messages import Publication
from botticelli.runtime.process import Runtime, worker_name
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.spending.account import note_all
from botticelli.store import HALT, Claim, Open, Run, ThreadLocks, Transaction
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log, logger
from workers.batching.batched_writes import ActRecord, record_act
from workers.batching.batcher import Batcher, busy_counter
from workers.context.claims import claim, claim_admitted, claim_ahead, hand_back, keeper_of, release
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
from workers.recovery.queued_tasks import is_queue_empty
from workers.recovery.sweep_thread import wake
from workers.transport.places import places


def perform(runtime: Runtime, run_id: str, number: int) -> Failed | None:
    """Perform an iteration until it ends or is handed back; return its failure once that is recorded, else None.

    When a server goes away meanwhile, this attempt ends: finished acts are kept, and the sweep queues the iteration
    again when the server is back.
    """
    try:
        with busy_counter.busy(run_id):
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
        with keeper_of(runtime).holding(held):
            return _perform_traced(stage) if runtime.spans.is_on else _perform_to_end(stage)
    except StaleLease:
        log("iteration_taken_over", level=logging.WARNING, run=held.run_id, iteration=held.number)
        release(runtime, held)
    except SoftTimeLimitExceeded:
        hand_back(runtime, held, "the soft time limit came at its very end")
    return None


def _perform_traced(stage: IterationContext) -> Outcome:
    with iteration_span(stage) as span:
        return end_iteration(span, _perform_to_end(stage))


def _perform_to_end(stage: IterationContext) -> Outcome:
    outcome = _acts(stage)
    reach("acts_performed")
    return _conclude(stage, outcome)


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


_run_rows = ThreadLocks()
"""Serialises writes to a run's row within this process, so that waiting threads hold no connection."""


def conclude(stage: IterationContext, outcome: Outcome) -> None:
    """End an iteration with its outcome. Stale when another worker holds it."""
    if isinstance(outcome, Succeeded):
        _succeed(stage)
    else:
        _write_end(stage, outcome)


@dataclass(frozen=True, slots=True)
class _Success:
    """A succeeded iteration; `last_acts` are the acts that are recorded only now."""

    claim: Claim
    last_acts: tuple[ActRecord, ...]
    goes_on: bool
    """Whether its thread may go on with an iteration that is admitted now."""


def _succeed(stage: IterationContext) -> None:
    claim = stage.claim
    goes_on = stage.run.iterations > 1 and places.may_go_on(lambda: is_queue_empty(stage.runtime))
    success = _Success(claim, tuple(stage.last_acts), goes_on)
    try:
        is_held, next_, following = _successes.ask((stage.runtime, claim.run_id), success)
    except Exception:
        with suppress(StaleLease):
            _record_last_acts(stage)
        raise
    if next_ is not None:
        places.go_on_with(next_)
    if following is not None:
        reach("iteration_finished")
        publish(stage.runtime, following.publications)
        if following.may_be_due:
            wake()
    if not is_held:
        raise claim.stale()
    log("iteration_ended", run=claim.run_id, iteration=claim.number, outcome="succeeded")


@dataclass(frozen=True, slots=True)
class _Following:
    """Consequences of the ends of a batch: messages, or a look of the sweep at a run that goes on without any."""

    publications: list[Publication]
    may_be_due: bool


_Written = tuple[bool, Publication | None, _Following | None]
"""Whether the lease was still valid, what its thread goes on with, and what follows: the first of a batch has it for all.
"""


class _Ends:
    """The successes of a batch: what they hold in the Budget, and the rows of those that are still `held`.

    All of them are settled and released in one trip, that of the next reservation if there is one. The rows have the times
    of the settlements, so that they are written after it.
    """

    def __init__(self, tx: Transaction, successes: Sequence[_Success], held: Sequence[_Success]) -> None:
        self._tx = tx
        self._held = held
        charges = [record.charge for success in successes for record in success.last_acts]
        self._charges = [charge for charge in charges if charge is not None and not charge.is_settled]
        self._tickets = [Ticket.from_json(success.claim.ticket) for success in successes]

    @property
    def numbers(self) -> list[int]:
        return [success.claim.number for success in self._held]

    @property
    def closing(self) -> Closing:
        return Closing([request for charge in self._charges for request in charge.requests], self._tickets)

    def write(self, run: Run, settlements: Sequence[Settlement] = ()) -> None:
        """Write the last acts, once what they used is settled."""
        if self._charges:
            note_all(self._charges, settlements)
        rows = [record.settle() for success in self._held for record in success.last_acts]
        settled = [outcome for _, outcome in rows if outcome is not None]
        self._tx.steps.record_last(run.id, self.numbers, [row for row, _ in rows], settled)

    def write_and_count(self, run: Run, settlements: Sequence[Settlement]) -> None:
        self.write(run, settlements)
        self._tx.steps.count_successes(run.id, self.numbers)


def _advance(runtime: Runtime, tx: Transaction, run: Run, opened: Open, ends: _Ends) -> _Following:
    """Count the successes in the run's row, after their last acts, and admit what follows.

    What a run with a cap has used is read before it is asked what follows.
    """
    if not ends.numbers:
        EndedIterations(ends.closing).close(runtime.budget)
        return _Following([], may_be_due=False)
    ended = EndedIterations(ends.closing, partial(ends.write_and_count, run))
    if run.is_capped:
        ends.write(run)
        run, opened = tx.steps.count(run.id, ends.numbers, succeeded=len(ends.numbers))
        ended = EndedIterations(ends.closing)
    publications = advance(runtime, tx, run, opened, ended)
    return _Following(publications, may_be_due=not publications and run.succeeded + run.failed < run.iterations)


def _succeed_together(key: tuple[Runtime, str], successes: Sequence[_Success]) -> list[_Written]:
    """Write the ends of several iterations of a run; the sweep publishes messages that don't go out after the commit."""
    runtime, run_id = key
    with _run_rows.of(run_id), runtime.store.joined_transaction() as tx:
        run, opened, ended = tx.steps.succeed(run_id, [success.claim for success in successes])
        reach("iteration_ending")
        held = [success for success in successes if success.claim.key in ended]
        following = _advance(runtime, tx, run, opened, _Ends(tx, successes, held))
        going_on = [success.claim.key for success in held if success.goes_on]
        by_claim = dict(zip(going_on, following.publications, strict=False))
        del following.publications[: len(by_claim)]
        ahead = _claim_following(runtime, tx, run_id, list(by_claim.values()))
        reach("ticket_released")
    claim_ahead(runtime, ahead)
    return [
        (success.claim.key in ended, by_claim.get(success.claim.key), None if at else following)
        for at, success in enumerate(successes)
    ]


_successes: Batcher[tuple[Runtime, str], _Success, _Written] = Batcher(
    _succeed_together, lambda key: busy_counter.gather_seconds(key[1]), lambda key: busy_counter.count(key[1])
)


def _claim_following(
    runtime: Runtime, tx: Transaction, run_id: str, following: Sequence[Publication]
) -> dict[int, IterationContext]:
    """Claim what threads of the batch go on with, which spares each of them a transaction."""
    return claim_admitted(runtime, tx, run_id, [publication.number for publication in following]) if following else {}


def _record_last_acts(stage: IterationContext) -> None:
    """Record the last acts without the iteration's end, to keep what was paid for. Stale when the lease is lost."""
    while stage.last_acts:
        record_act(stage.runtime, stage.last_acts[0])
        del stage.last_acts[0]


def _write_end(stage: IterationContext, outcome: Outcome) -> None:
    """Write an outcome other than success, alone in its transaction, since it may change the run."""
    runtime, claim = stage.runtime, stage.claim
    goes_on = places.may_go_on(lambda: is_queue_empty(runtime))
    for charge in stage.open_charges:
        charge.settle()
    release(runtime, claim)
    reach("ticket_released")
    _record_last_acts(stage)
    with _run_rows.of(claim.run_id), runtime.store.transaction() as tx:
        run = tx.runs.lock(claim.run_id)
        tx.iterations.check_lease(claim, lease_seconds=runtime.settings.worker.lease_seconds)
        if isinstance(outcome, Parked | Paused | Blocked | Capped) and run.ending is not None:
            outcome = Cancelled()
        if isinstance(outcome, Blocked) and _is_decided(tx, outcome):
            outcome = Paused(outcome.retries_used)
        run, tickets = _write_outcome(stage, tx, run, outcome)
        is_parked = isinstance(outcome, Parked) or run.status == "paused"
        publications = [] if is_parked else advance(runtime, tx, run)
    reach("iteration_finished")
    release_all(runtime, tickets)
    if not publications:
        wake()
    elif goes_on:
        places.go_on_with(publications.pop(0))
    publish(runtime, publications)
    log("iteration_ended", run=run.id, iteration=claim.number, outcome=type(outcome).__name__.lower())


def _is_decided(tx: Transaction, blocked: Blocked) -> bool:
    """Whether the decision that the iteration would wait for has been made meanwhile."""
    return blocked.waits_for is not None and tx.effects.status_of(blocked.waits_for) != "waiting"


def _write_outcome(stage: IterationContext, tx: Transaction, run: Run, outcome: Outcome) -> tuple[Run, list[Ticket]]:
    """Write the outcome; return the changed run, and the tickets to release after the commit."""
    runtime, claim = stage.runtime, stage.claim
    match outcome:
        case Parked():
            _park(stage, tx, run, outcome)
        case Paused(retries_used):
            tx.iterations.requeue(claim.run_id, claim.number, claim.fencing_token, retries_used=retries_used)
        case Capped(reason, retries_used):
            tx.iterations.requeue(claim.run_id, claim.number, claim.fencing_token, retries_used=retries_used)
            tickets = stop_admission(runtime, tx, run, "budget_exhausted", reason)
            return tx.runs.lock(run.id), tickets
        case Blocked(reason, retries_used, waits_for) if waits_for is not None:
            place = claim.run_id, claim.number, claim.fencing_token
            tx.iterations.requeue(*place, retries_used=retries_used, parked_for=reason)
        case Blocked(reason, retries_used):
            tx.iterations.requeue(claim.run_id, claim.number, claim.fencing_token, retries_used=retries_used)
            if (run.status, run.reason) != ("paused", reason):
                tx.run_actions.record(run.id, HALT, actor=f"worker {worker_name()}", reason=reason)
            tx.runs.set(run.id, status="paused", reason=reason, due_at=None, waiting_for=None)
            tickets = [Ticket.from_json(ticket) for ticket in tx.iterations.withdraw(run.id)]
            return tx.runs.lock(run.id), tickets
        case Cancelled():
            tx.iterations.finish(claim, "cancelled", None)
            run, _ = tx.steps.count(run.id, [claim.number])
        case Failed(error):
            tx.iterations.finish(claim, "failed", error)
            tx.ledger.abandon(run.id, claim.number)
            run, _ = tx.steps.count(run.id, [claim.number], failed=1)
            if not run.continue_on_error and run.ending is None:
                tickets = stop_admission(runtime, tx, run, "failed", f"iteration {claim.number}: {error}")
                return tx.runs.lock(run.id), tickets
    return run, []


def _park(stage: IterationContext, tx: Transaction, run: Run, outcome: Parked) -> None:
    claim = stage.claim
    tx.iterations.requeue(claim.run_id, claim.number, claim.fencing_token, retries_used=outcome.retries_used)
    if run.status == "running":
        stage.runtime.events.tell(
            run.id, "run_waiting", reason=outcome.reason, retry_after_seconds=round(outcome.wait_seconds, 3)
        )
        due_at = run.now + timedelta(seconds=outcome.wait_seconds)
        waiting = {"waiting_since": run.now, "waiting_for": outcome.waiting_for}
        tx.runs.set(run.id, status="waiting", reason=outcome.reason, due_at=due_at, **waiting)
