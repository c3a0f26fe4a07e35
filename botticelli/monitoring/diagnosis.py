"""Explains why a run is in its present state: one reason, as text and as data. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from botticelli.budget import Scope
from botticelli.carousel.result import outcome_text
from botticelli.messages import QUEUE
from botticelli.runtime.heartbeats import live_workers, worker_troubles
from botticelli.runtime.process import Runtime
from botticelli.statuses import UNRESOLVED, RunStatus
from botticelli.store import HALT, REJECTED, WHOLE, Run, Transaction

REASON_CHARACTERS = 300
_EPOCH = datetime.fromtimestamp(0, UTC)
Cause = Literal[
    "ended",
    "effect",
    "approval",
    "paused",
    "worker_trouble",
    "ending",
    "waiting",
    "budget_paused",
    "no_worker",
    "queue_stalled",
    "queued",
    "running",
]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The reason for the present state of a run.

    `cause` is the reason in one word, `summary` in one line. `until` is when the run is checked again, or when an approval
    request expires, if that is known. `details` are the figures behind it, by cause.
    """

    run_id: str
    status: RunStatus
    cause: Cause
    summary: str
    until: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """Return the status and the reason, without repeating the status."""
        status = self.status.replace("_", " ")
        return self.summary if self.summary.startswith(status) else f"{status}: {self.summary}"


def why(runtime: Runtime, run_id: str) -> Diagnosis:
    """Return the first of the possible causes that applies. Raises NotFound for a run that does not exist."""
    with runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
        workers = [] if run.is_final else live_workers(runtime)
        troubled = {} if run.is_final else worker_troubles(runtime)
        case = _Case(runtime, tx, run, workers, troubled)
        reasons = (explain(case) for explain in _EXPLANATIONS)
        reason = next((reason for reason in reasons if reason is not None), None)
        why = reason or case.why("running", _progress(run, workers), workers=workers)
        return _with_gates(case, _with_waiting_effects(case, why))


def _with_gates(case: _Case, why: Diagnosis) -> Diagnosis:
    """Add what gates did: answers that wait for a person, and the last one that a running iteration has to give again."""
    for_review = case.tx.acts.for_review(case.run.id)
    if for_review:
        answers = "1 answer waits" if for_review == 1 else f"{for_review:,} answers wait"
        summary = f"{why.summary}; {answers} for review, since no gate accepted them"
        why = replace(why, summary=summary, details={**why.details, "for_review": for_review})
    running = [] if case.run.is_final else [each.number for each in case.tx.iterations.running(case.run.id)]
    rows = case.tx.acts.of_numbers(case.run.id, running, rejected=True) if running else []
    last = max((row for row in rows if row.status == REJECTED), key=lambda row: row.finished_at or _EPOCH, default=None)
    if last is None:
        return why
    place = f"iteration {last.number}, act {last.name}, attempt {last.attempt}"
    reason = " ".join((last.error or "").split())[:REASON_CHARACTERS]
    details = {**why.details, "rejected": {"number": last.number, "act": last.name, "attempt": last.attempt}}
    return replace(why, summary=f"{why.summary}; {place} was rejected: {reason}", details=details)


def _with_waiting_effects(case: _Case, why: Diagnosis) -> Diagnosis:
    """Add the number of effects that wait for approval to the reason of a run that is active otherwise."""
    if case.run.is_final or case.run.status == "paused":
        return why
    count = len(case.tx.effects.of_run(case.run.id, "waiting"))
    if count == 0:
        return why
    effects = "1 effect waits" if count == 1 else f"{count:,} effects wait"
    summary = f"{why.summary}; {effects} for approval: `botticelli effects list --waiting --run {case.run.id}`"
    return replace(why, summary=summary, details={**why.details, "waiting_effects": count})


@dataclass(frozen=True, slots=True)
class _Case:
    """A run with what the explanations look at: its transaction, the living workers, and those in trouble."""

    runtime: Runtime
    tx: Transaction
    run: Run
    workers: list[str]
    troubled: Mapping[str, str]

    def why(self, cause: Cause, summary: str, until: datetime | None = None, **details: Any) -> Diagnosis:
        return Diagnosis(self.run.id, self.run.status, cause, summary, until, details)


def _unknown_effect(case: _Case) -> Diagnosis | None:
    """Explain a run with an effect of unknown outcome, also one that failed because of it."""
    for effect in case.tx.effects.of_run(case.run.id):
        if effect.status == "unknown" or (effect.status in UNRESOLVED and case.run.is_final):
            key, place = effect.key, f"iteration {effect.number}, act {effect.act}"
            summary = (
                f"the outcome of {effect.command} in {place} is unknown; check whether it was performed, then run "
            )
            summary += f"`botticelli effects resolve {key[:8]} --done`, `--retry` if it was not, or `--abandon`"
            return case.why("effect", summary, effect=key, command=effect.command, number=effect.number)
    return None


def _ended(case: _Case) -> Diagnosis | None:
    run = case.run
    if not run.is_final:
        return None
    verb = "resume" if run.status != "completed" else "retry" if run.failed else None
    effects = {"resume": "continues it", "retry": "performs the failed iterations again"}
    do = f"; `botticelli runs {verb} {run.id}` {effects[verb]}" if verb else ""
    if run.iterations == 0:  # it was never accepted, so it can't be resumed
        do = "; fix this and enqueue again"
    because = run.reason if run.reason and run.reason != run.status else "the run has ended"
    return case.why("ended", f"{outcome_text(run)}: {because}{do}", reason=run.reason, failed=run.failed)


def _approval(case: _Case) -> Diagnosis | None:
    if case.run.status != "paused" or case.run.hold is not None:
        return None
    waiting = case.tx.effects.of_run(case.run.id, "waiting")
    if not waiting:
        return None
    first, verb = waiting[0], f"and {len(waiting) - 1} more wait" if len(waiting) > 1 else "waits"
    key, place = first.key, f"iteration {first.number}, act {first.act}"
    summary = f"{first.command} of {place} {verb} for approval{_until(first.expires_at)}; "
    summary += f"`botticelli effects approve {key[:8]}` or `reject {key[:8]}`"
    return case.why("approval", summary, first.expires_at, effects=[effect.key for effect in waiting])


def _paused(case: _Case) -> Diagnosis | None:
    if case.run.status != "paused":
        return None
    moved = case.tx.run_actions.last(case.run.id, "pause", "pause now", HALT)
    by, reason = (moved.actor, moved.reason) if moved else ("somebody", "")
    verb = "stopped" if moved and moved.action == HALT else "paused"
    because = f": {reason}" if reason else ""
    summary = f"{verb} by {by}{because}; `botticelli runs resume {case.run.id}` continues it"
    at = moved.at if moved else None
    return case.why("paused", summary, by=by, reason=reason, at=at, hold=case.run.hold)


def _ending(case: _Case) -> Diagnosis | None:
    if case.run.ending is None:
        return None
    running = case.tx.iterations.performing(case.run.id)
    ending = case.run.ending.replace("_", " ")
    summary = f"it will be {ending} ({case.run.reason}) once {_count(running, 'running iteration')} stopped"
    return case.why("ending", summary, ending=case.run.ending, reason=case.run.reason, performing=running)


def _waiting(case: _Case) -> Diagnosis | None:
    run, refusal = case.run, case.run.waiting_for
    if run.status != "waiting":
        return None
    if refusal is None:
        when = f"is at {_clock(run.due_at)}" if run.due_at else "follows as soon as resources free up"
        return case.why("waiting", f"the next attempt {when}: {run.reason}", run.due_at)
    pause = case.tx.overrides.in_force().get(refusal["scope"], {}).get(WHOLE)
    if pause is not None:
        summary = f"{run.reason}{_until(pause.until)}; `botticelli budget resume {refusal['scope']}` ends the pause"
        return case.why(
            "budget_paused", summary, pause.until, scope=refusal["scope"], by=pause.set_by, reason=pause.reason
        )
    holders = _holders(case, refusal["scope"])
    held = f"; held by {', '.join(holders)}" if holders else ""
    window = f"{refusal['window']} of {refusal['scope']}"
    summary = f"waiting for {window}{_until(run.due_at)}: {refusal['requested']:,} requested, "
    summary += f"{refusal['used']:,} of {refusal['limit']:,} used"
    return case.why("waiting", summary + held, run.due_at, **refusal, holders=holders)


def _trouble(case: _Case) -> Diagnosis | None:
    """Explain a run that stalls because every living worker reports trouble."""
    if not case.workers or case.workers != sorted(case.troubled):
        return None
    worker, trouble = next(iter(case.troubled.items()))
    return case.why("worker_trouble", f"worker {worker} can't continue: {trouble}", workers=dict(case.troubled))


def _unconsumed_queue(case: _Case) -> Diagnosis | None:
    """Explain a run that stalls because no worker consumes the queue: the probe task is unanswered."""
    probe = case.tx.probes.unanswered(QUEUE)
    timeout_seconds = case.runtime.settings.worker.probe_timeout_seconds
    if probe is None or probe.silent_seconds < timeout_seconds:
        return None
    if case.tx.iterations.performing(case.run.id) or case.tx.iterations.busy_runs(case.run.id):
        return None
    summary = f"no worker consumes the queue: the probe task sent at {_clock(probe.requested_at)} is unanswered"
    return case.why("queue_stalled", f"{summary}; restart the workers", requested_at=probe.requested_at)


def _no_worker(case: _Case) -> Diagnosis | None:
    if case.workers:
        return None
    return case.why("no_worker", "no worker is alive; start a worker: celery -A botticelli worker")


def _queued(case: _Case) -> Diagnosis | None:
    """Explain a run whose admitted iterations wait in the queue while the workers are busy with other runs."""
    tx, run = case.tx, case.run
    opened = tx.iterations.open(run.id)
    if tx.iterations.performing(run.id) or not opened.in_flight:
        return None
    others = tx.iterations.busy_runs(run.id)
    busy = ", ".join(f"run {run_id} ({count} iteration{'' if count == 1 else 's'})" for run_id, count in others.items())
    summary = f"{_count(opened.in_flight, 'iteration')} in the queue" + (f" behind {busy}" if busy else "")
    return case.why("queued", summary, queued=opened.in_flight, behind=others)


_EXPLANATIONS: tuple[Callable[[_Case], Diagnosis | None], ...] = (
    _unknown_effect,
    _ended,
    _approval,
    _paused,
    _trouble,
    _ending,
    _waiting,
    _no_worker,
    _unconsumed_queue,
    _queued,
)
"""The possible causes, the most urgent one first."""


def _progress(run: Run, workers: list[str]) -> str:
    finished = f"{run.succeeded + run.failed:,} of {run.iterations:,} iterations are finished"
    return f"{finished}, {_count(len(workers), 'worker')} alive"


def _count(number: int, noun: str) -> str:
    """Return `1 worker is`, `3 workers are`."""
    return f"1 {noun} is" if number == 1 else f"{number:,} {noun}s are"


def _holders(case: _Case, scope: str) -> list[str]:
    """Return the other runs whose tickets hold a part of the scope."""
    usage = case.runtime.budget.usage(Scope(scope))
    return sorted({ticket.rpartition(":")[0].rpartition(":")[0] for ticket in usage.holders} - {case.run.id})


def _until(moment: datetime | None) -> str:
    return f" until {_clock(moment)}" if moment else ""


def _clock(moment: datetime) -> str:
    """Return a time in the local zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
