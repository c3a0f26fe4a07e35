"""Admits iterations of a run: reserves tickets, stores the granted ones, publishes their tasks.

Can be repeated safely. Called after enqueuing, by workers after an iteration, and by the sweep.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from botticelli.budget import BLOCKED, Budget, Closing, Refusal, Scope, Settlement, Share, Ticket
from botticelli.budget.scope_paused import PAUSED
from botticelli.carousel.actor import Actor
from botticelli.carousel.admission.ports import AdmissionParts, AdmissionRows, ReservingParts
from botticelli.carousel.admission.state_machine import (
    AwaitApproval,
    End,
    Idle,
    Start,
    exceeded_cap,
    next_step,
    run_scope,
)
from botticelli.carousel.plan.planned_calls import Plan, plan_of, shares, without_scope
from botticelli.errors import BotticelliError
from botticelli.messages import Publication, publish_iterations
from botticelli.runtime.process import Runtime
from botticelli.runtime.scopes import OverrideRows
from botticelli.statuses import FinalStatus
from botticelli.store import HALT, Open, Run
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import LAST, log

TICKET_LEASE_SECONDS = 90
"""Lease of a ticket until a worker claims and renews it: more than the longest wait for a message that is sent again."""
REDIS_AWAY_SECONDS = 1.0
NOTHING = Closing()
AT_ONCE = 64
"""Maximum of tickets in one call of the Budget, which answers nobody else meanwhile."""


def dispatch(runtime: Runtime, run_id: str) -> None:
    """Admit and publish what this run may start now."""
    with runtime.store.transaction() as tx:
        publications = advance(runtime, tx, tx.runs.lock(run_id))
    publish(runtime, publications)


class EndedIterations:
    """The draws and tickets of iterations that end in this transaction.

    `write` gets the settlements in the order of the draws, once, before anything else is written: what was used is settled
    before its rows are written.
    """

    def __init__(self, closing: Closing = NOTHING, write: Callable[[Sequence[Settlement]], None] | None = None) -> None:
        self._closing: Closing | None = closing
        self._write = write

    @property
    def has_draws(self) -> bool:
        """Whether draws are still to be settled, without which nothing may be written."""
        return self._closing is not None and bool(self._closing.draws)

    def reserve(
        self, budget: Budget, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> list[Ticket] | Refusal:
        """Reserve as `reserve_all` does, after closing what is not closed yet, in one trip."""
        closing = self._closing
        if closing is None or closing == NOTHING:
            return budget.reserve_all(ticket_ids, shares, lease_seconds)
        settlements, answer = budget.close_and_reserve(closing, ticket_ids, shares, lease_seconds)
        self._closed(settlements)
        return answer

    def close(self, budget: Budget) -> None:
        """Close what is not closed yet, in a trip of its own. Without Redis, leases of tickets expire instead."""
        closing = self._closing
        if closing is None:
            return
        settlements: Sequence[Settlement] = ()
        try:
            if closing != NOTHING:
                settlements = budget.close_all(closing)
        except RedisError as error:
            if closing.draws:
                raise
            log("ticket_not_released", level=logging.WARNING, ticket=closing.tickets[0].id, error=type(error).__name__)
        self._closed(settlements)

    def _closed(self, settlements: Sequence[Settlement]) -> None:
        self._closing = None
        if self._write is not None:
            self._write(settlements)


def advance(
    runtime: AdmissionParts,
    tx: AdmissionRows,
    run: Run,
    opened: Open | None = None,
    ended: EndedIterations | None = None,
) -> list[Publication]:
    """Admit whatever a locked run may start now. The caller commits, and then publishes the returned messages.

    `opened` are the run's open iterations, for a caller that has read them since it locked the run. What `ended` iterations
    hold is settled and released before anything is written.
    """
    ended = ended or EndedIterations()
    publications: list[Publication] = []
    opened = opened or tx.iterations.open(run.id)
    while True:
        step = next_step(run, opened)
        if not isinstance(step, Start):
            ended.close(runtime.budget)
        match step:
            case Idle():
                _set_due(tx, run)
                return publications
            case End(status, reason):
                _end(runtime, tx, run, status, reason)
                return publications
            case AwaitApproval():
                _await_approval(tx, run)
                return publications
            case Start(number, again):
                answer = _ask(runtime, tx, run, opened, next_numbers(run, opened, number), ended=ended)
                ended.close(runtime.budget)
                if not isinstance(answer, list):
                    _refused(runtime, tx, run, opened, answer, again=again)
                    return publications
                publications += _admit(runtime, tx, run, number, answer)
                dispatched = max(run.dispatched, number + len(answer) - 1)
                run = dataclasses.replace(run, status="running", dispatched=dispatched, due_at=_due_without_rows(run))
                opened = _with_more(tx, opened, run, len(answer))


def _set_due(tx: AdmissionRows, run: Run) -> None:
    due_at = _due_without_rows(run)
    if run.due_at != due_at and not run.is_final:
        tx.runs.set(run.id, due_at=due_at)


def publish(runtime: Runtime, publications: Sequence[Publication]) -> None:
    """Publish messages for workers. The sweep publishes those that fail, since their rows are committed."""
    if not publications:
        return
    reach("row_committed")
    try:
        publish_iterations(runtime.celery, publications)
        reach("message_published")
    except (KombuError, RedisError, OSError) as error:
        log("publish_failed", level=logging.WARNING, run=publications[0].run_id, error=type(error).__name__)


def next_numbers(run: Run, opened: Open, first: int) -> range:
    """Return the iterations to reserve together: the next ones in order.

    An iteration that waits for its second admission is reserved alone.
    """
    if first <= run.dispatched:
        return range(first, first + 1)
    most = min(run.concurrency - opened.in_flight, run.admissible - run.dispatched, AT_ONCE)
    within_caps = takewhile(lambda more: exceeded_cap(run, _plus(opened, more)) is None, range(1, most))
    return range(first, first + 1 + sum(1 for _ in within_caps))


def _due_without_rows(run: Run) -> datetime | None:
    """Return when to check whether a run still gets rows; None for a run that has all of them, or may not go on."""
    return run.rows_lease_until if run.lacks_rows and run.status in ("queued", "running", "waiting") else None


def _ask(
    runtime: AdmissionParts,
    tx: AdmissionRows,
    run: Run,
    opened: Open,
    numbers: Sequence[int],
    *,
    ended: EndedIterations,
) -> list[Ticket] | Refusal | None:
    """Reserve tickets for the iterations in order, as many as fit.

    Returns the refusal if the first one is refused; None while Redis is away, when nothing is granted. RedisError when
    draws of `ended` iterations could not be settled.
    """
    capped = exceeded_cap(run, opened)
    if capped is not None:
        return capped
    try:
        plan = plan_of(runtime, tx, run.id)
        answer = reserve(runtime, tx, plan, [ticket_id(run, number, opened) for number in numbers], ended)
        reach("ticket_reserved")
        if isinstance(answer, list):
            return answer
        reopening = _is_reopening(runtime, answer, plan)
        return runtime.scopes.with_retry(dataclasses.replace(answer, reopening=reopening), tx)
    except RedisError as error:
        if ended.has_draws:
            raise
        log("budget_unreachable", level=logging.WARNING, run=run.id, error=type(error).__name__)
        return None


def _is_reopening(runtime: AdmissionParts, refusal: Refusal, plan: Plan) -> bool:
    """Return whether a window refuses only because Redis lost its charges; it opens within its period."""
    scope = next((share.scope for share in shares(plan) if share.scope.name == refusal.scope), None)
    return scope is not None and runtime.budget.reopening(scope, refusal.window)


def reserve(
    runtime: ReservingParts,
    tx: OverrideRows,
    plan: Plan,
    ticket_ids: Sequence[str],
    ended: EndedIterations | None = None,
) -> list[Ticket] | Refusal:
    """Reserve tickets; when a model would have to wait long, with its fallback models.

    Returns the first refusal if no fallback helps. Requests for fallbacks keep no place in a queue.
    """
    first_id, ended = ticket_ids[0], ended or EndedIterations()
    first: Refusal | None = None
    tried: dict[str, Scope] = {}
    current: Plan | None = plan
    while current is not None:
        requested = [Share(runtime.scopes.in_force(share.scope, tx), share.amounts) for share in shares(current)]
        paused = runtime.scopes.paused((share.scope for share in requested), tx)
        answer = paused or ended.reserve(runtime.budget, ticket_ids, requested, TICKET_LEASE_SECONDS)
        if isinstance(answer, list):
            held = {share.scope.name for share in answer[0].shares}
            left = [scope for name, scope in tried.items() if name not in held]
            if left:
                runtime.budget.release(first_id, left)
            return answer
        first = first or answer
        tried |= {share.scope.name: share.scope for share in requested}
        current = without_scope(current, answer.scope) if _is_long(runtime, answer) else None
    assert first is not None, "the loop ends with a refusal"
    usual = {share.scope.name for share in shares(plan)}
    left = [scope for name, scope in tried.items() if name not in usual]
    if left:
        runtime.budget.release(first_id, left)
    return first


def _is_long(runtime: ReservingParts, refusal: Refusal) -> bool:
    wait_ms = refusal.retry_after_ms
    return wait_ms is None or wait_ms > runtime.settings.worker.inline_wait_seconds * 1000


def give_up_place(runtime: AdmissionParts, tx: AdmissionRows, run: Run, opened: Open | None = None) -> None:
    """Remove a refused run that will not ask again from the Budget's queue, where it would hold up others.

    When Redis is away, the place expires by itself.
    """
    opened = opened or tx.iterations.open(run.id)
    number = opened.waiting_number or run.dispatched + 1
    try:
        plan = plan_of(runtime, tx, run.id)
        runtime.budget.release(ticket_id(run, number, opened), [share.scope for share in shares(plan)])
    except (RedisError, BotticelliError) as error:  # whoever pauses a run needs no driver of it
        log("place_not_given_up", level=logging.WARNING, run=run.id, error=type(error).__name__)


def ticket_id(run: Run, number: int, opened: Open) -> str:
    """Return the id of an attempt's ticket. It is always the same, so that nothing is reserved twice."""
    attempt = opened.waiting_attempt if opened.waiting_number == number else 0
    return f"{run.id}:{number}:{attempt or 0}"


def _admit(
    runtime: AdmissionParts, tx: AdmissionRows, run: Run, first: int, tickets: Sequence[Ticket]
) -> list[Publication]:
    """Store consecutive iterations with their tickets, and that the run goes on; return their messages."""
    stored = {number: ticket.to_json() for number, ticket in enumerate(tickets, start=first)}
    grace_seconds, due_at = runtime.settings.worker.redelivery_grace_seconds, _due_without_rows(run)
    is_new = first > run.dispatched
    publishes = tx.iterations.admit(run.id, stored, grace_seconds, due_at=due_at, is_new=is_new)
    return [Publication(run.id, number, run.narrative, publishes[number]) for number in stored]


def _with_more(tx: AdmissionRows, opened: Open, run: Run, admitted: int) -> Open:
    """Return the open iterations after admissions under the run's lock; read only when more may wait for a second one."""
    return tx.iterations.open(run.id) if opened.waiting_number is not None else _plus(opened, admitted)


def _plus(opened: Open, admitted: int) -> Open:
    return dataclasses.replace(opened, in_flight=opened.in_flight + admitted)


def _refused(
    runtime: AdmissionParts, tx: AdmissionRows, run: Run, opened: Open, refusal: Refusal | None, *, again: bool
) -> None:
    """Park the run until the time in the refusal, or end it.

    Decides nothing while iterations are in flight: their end may free what is missing.
    """
    ending = _ending(run, refusal, again=again) if refusal is not None and not opened.in_flight else None
    if refusal is None:
        tx.runs.set(run.id, due_at=run.now + timedelta(seconds=REDIS_AWAY_SECONDS))
    elif opened.in_flight:
        tx.runs.set(run.id, due_at=_after(run, refusal))
    elif ending is None:
        since = run.waiting_since or run.now
        waiting = {"reason": str(refusal), "waiting_since": since, "waiting_for": refusal_summary(refusal)}
        seconds = None if refusal.retry_after_ms is None else refusal.retry_after_ms / 1000
        runtime.events.tell(run.id, "run_waiting", reason=str(refusal), retry_after_seconds=seconds)
        tx.runs.set(run.id, status="waiting", due_at=_after(run, refusal), **waiting)
    elif opened.parked:
        _await_approval(tx, run)  # what has begun is finished before the run ends
        give_up_place(runtime, tx, run, opened)
    else:
        _end(runtime, tx, run, ending, str(refusal))
        if ending == "budget_exhausted":  # what refused it stays on the record, for those who ask when to try again
            tx.runs.set(run.id, waiting_for={**refusal_summary(refusal), "retry_after_ms": refusal.retry_after_ms})
        give_up_place(runtime, tx, run, opened)


def _ending(run: Run, refusal: Refusal, *, again: bool) -> FinalStatus | None:
    """Return the status with which the refusal ends the run; None when the run may wait."""
    if refusal.scope == run_scope(run):
        return "budget_exhausted"
    if refusal.too_large:
        return "failed"
    return None if _may_wait(run, refusal, again) else "budget_exhausted"


def refusal_summary(refusal: Refusal) -> dict[str, Any]:
    """Describe a refusal for the row of a waiting run."""
    return {name: getattr(refusal, name) for name in ("scope", "window", "limit", "used", "requested")}


def _may_wait(run: Run, refusal: Refusal, again: bool) -> bool:
    """Return whether the run may wait instead of ending.

    Iterations that have begun always wait. So does a run that a Retry-After, a pause or a Redis without its data stops,
    since its budget is not exhausted.
    """
    if refusal.window in (BLOCKED, PAUSED) or refusal.reopening or again:
        return True
    if run.on_budget_exhausted != "wait":
        return False
    if run.max_wait_seconds is None:
        return True
    latest = (run.waiting_since or run.now) + timedelta(seconds=run.max_wait_seconds)
    return (_after(run, refusal) or run.now) <= latest


def _after(run: Run, refusal: Refusal) -> datetime | None:
    return None if refusal.retry_after_ms is None else run.now + timedelta(milliseconds=refusal.retry_after_ms)


def _failures(tx: AdmissionRows, run: Run) -> str | None:
    """Summarise the failures of a run that performed all of its iterations, by cause."""
    if not run.failed:
        return None
    which = f"{run.failed:,} of {run.iterations:,} iterations failed"
    return f"{which}: {tx.iterations.failures(run.id)}"


def _await_approval(tx: AdmissionRows, run: Run) -> None:
    """Pause the run: everything that is left of it waits for the approval or rejection of an effect."""
    first, *others = tx.iterations.parked(run.id)
    reason = first
    if others:
        reason = (
            f"{len(others) + 1:,} iterations wait for approval; `botticelli effects list --waiting --run {run.id}` "
        )
        reason += f"shows what for, `botticelli effects approve --run {run.id}` approves all of it"
    tx.run_actions.record(run.id, HALT, actor=Actor().name, reason=reason)
    tx.runs.set(run.id, status="paused", reason=reason, due_at=None, waiting_for=None)


def _end(runtime: AdmissionParts, tx: AdmissionRows, run: Run, status: FinalStatus, reason: str | None) -> None:
    if status != "completed":
        tx.iterations.cancel_queued(run.id)
    tx.runs.finish(run.id, status, reason or _failures(tx, run))
    runtime.events.tell(run.id, LAST, status=status)
    log("run_finished", run=run.id, narrative=run.narrative, status=status)
