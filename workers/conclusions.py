"""The ends of iterations: final status, the run's counters and the next admissions, in one transaction; then the messages.

Successes of one run that wait for its row at the same time are written by one of their threads for all. Performs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

from botticelli.budget import Ticket
from botticelli.carousel import advance, publish
from botticelli.carousel.dispatch import Publication
from botticelli.carousel.levers import release_all, stop_admission
from botticelli.errors import Stale
from botticelli.failpoints import reach
from botticelli.runtime import Runtime
from botticelli.store import Claim, Run, Transaction
from botticelli.telemetry import log
from workers.outcomes import Cancelled, Failed, GivenBack, Halted, Held, Outcome, Succeeded
from workers.stage import Stage
from workers.sweeper import wake

AT_ONCE = 64
"""Successes in one transaction: more would hold the run's row for long."""


@dataclass(eq=False, slots=True)
class _Success:
    claim: Claim
    is_written: bool = False
    is_stale: bool = False


class _Turns:
    """Who may write a run's row: one thread of this process at a time, so that the others need no connection to wait."""

    def __init__(self, places: int) -> None:
        self._locks = tuple(Lock() for _ in range(places))
        self._successes: dict[str, list[_Success]] = {}
        self._queueing = Lock()

    def of(self, run_id: str) -> Lock:
        return self._locks[hash(run_id) % len(self._locks)]

    def enter(self, success: _Success) -> None:
        with self._queueing:
            self._successes.setdefault(success.claim.run_id, []).append(success)

    def waiting(self, run_id: str) -> list[_Success]:
        """In the order in which they came."""
        with self._queueing:
            return list(self._successes.get(run_id, []))

    def take(self, mine: _Success) -> list[_Success]:
        """Mine and others of its run; none when mine was written by another thread. Each is taken once: what comes of
        the others when this thread fails is told by `enter`."""
        run_id = mine.claim.run_id
        with self._queueing:
            waiting = self._successes.get(run_id, [])
            if mine.is_written:
                return []
            taken = [mine, *(one for one in waiting if one is not mine)][:AT_ONCE]
            left = [one for one in waiting if one not in taken]
            if left:
                self._successes[run_id] = left
            else:
                self._successes.pop(run_id, None)
            return taken


_turns = _Turns(64)


def conclude(stage: Stage, outcome: Outcome) -> None:
    """Stale when another worker holds the iteration by now."""
    if isinstance(outcome, Succeeded):
        _succeed(stage)
    else:
        _end(stage, outcome)


def _succeed(stage: Stage) -> None:
    mine = _Success(stage.claim)
    _turns.enter(mine)
    with _turns.of(stage.claim.run_id):
        taken = _turns.take(mine)
        try:
            publications = _write(stage.runtime, taken) if taken else []
        except BaseException:
            for other in taken[1:]:
                _turns.enter(other)
            raise
    if taken:
        reach("iteration_finished")
        publish(stage.runtime, publications)
        if not publications:
            wake()
    if mine.is_stale:
        raise Stale(
            "this iteration is no longer held by this worker", where=f"{stage.claim.run_id}#{stage.claim.number}"
        )
    log("iteration_ended", run=stage.claim.run_id, iteration=stage.claim.number, outcome="succeeded")


def _write(runtime: Runtime, successes: Sequence[_Success]) -> list[Publication]:
    """They are written once the transaction is committed; a message that doesn't go out then is the sweep's."""
    run_id = successes[0].claim.run_id
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(run_id)
        run, ended = tx.runs.succeed_iterations(run, [one.claim for one in successes])
        publications = advance(runtime, tx, run) if ended else []
    for one in successes:
        one.is_written, one.is_stale = True, one.claim.number not in ended
    return publications


def _end(stage: Stage, outcome: Outcome) -> None:
    """What is not a success: alone in its transaction, for the run itself may change."""
    runtime, claim = stage.runtime, stage.claim
    with _turns.of(claim.run_id), runtime.store.transaction() as tx:
        run = tx.runs.lock(claim.run_id)
        tx.iterations.guard(claim, lease_seconds=runtime.settings.worker.lease_seconds)
        if isinstance(outcome, GivenBack | Held | Halted) and run.ending is not None:
            outcome = Cancelled()
        if isinstance(outcome, Halted) and _is_answered(tx, outcome):
            outcome = Held(outcome.retries_used)
        run, tickets = _written(stage, tx, run, outcome)
        is_parked = isinstance(outcome, GivenBack | Halted)
        publications = [] if is_parked else advance(runtime, tx, run)
    reach("iteration_finished")
    release_all(runtime, tickets)
    publish(runtime, publications)
    if not publications:
        wake()
    log("iteration_ended", run=run.id, iteration=claim.number, outcome=type(outcome).__name__.lower())


def _is_answered(tx: Transaction, halted: Halted) -> bool:
    """Whether somebody has said meanwhile what the iteration was to wait for."""
    return halted.waits_for is not None and tx.effects.status_of(halted.waits_for) != "waiting"


def _written(stage: Stage, tx: Transaction, run: Run, outcome: Outcome) -> tuple[Run, list[Ticket]]:
    """The run as it is then, and tickets to release after the commit."""
    runtime, claim = stage.runtime, stage.claim
    match outcome:
        case GivenBack():
            _park(stage, tx, run, outcome)
        case Held(retries_used):
            tx.iterations.requeue(claim.run_id, claim.number, claim.fence, retries_used=retries_used)
        case Halted(reason, retries_used):
            tx.iterations.requeue(claim.run_id, claim.number, claim.fence, retries_used=retries_used)
            tx.runs.set(run.id, status="paused", reason=reason, due_at=None, waiting_for=None)
            return run, [Ticket.from_json(ticket) for ticket in tx.iterations.withdraw(run.id)]
        case Cancelled():
            tx.iterations.finish(claim, "cancelled", None)
            run = tx.runs.count_iteration(run, claim.number, succeeded=False, failed=False)
        case Failed(error):
            tx.iterations.finish(claim, "failed", error)
            tx.ledger.abandon(run.id, claim.number)
            run = tx.runs.count_iteration(run, claim.number, succeeded=False, failed=True)
            if not run.continue_on_error and run.ending is None:
                tickets = stop_admission(runtime, tx, run, "failed", f"iteration {claim.number}: {error}")
                return tx.runs.lock(run.id), tickets
    return run, []


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
