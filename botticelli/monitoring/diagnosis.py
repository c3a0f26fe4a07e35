"""Why a run stands where it stands: one reason, in words and as data. Looks only; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botticelli.budget import Scope
from botticelli.carousel.result import outcome_text
from botticelli.messages import QUEUE
from botticelli.runtime.heartbeats import live_workers, troubled_workers
from botticelli.runtime.process import Runtime
from botticelli.store import HALT, UNRESOLVED, WHOLE, Run, Transaction

BUSY = ("running", "waiting", "paused")


@dataclass(frozen=True, slots=True)
class Why:
    """Why a run is where it is.

    `cause` is one word of: over, effect, confirmation, paused, trouble, ending, waiting, budget_paused, no_worker,
    unheard, queued, running. `until` is when the run is looked at again, or when a question runs out, if that is known.
    """

    run_id: str
    status: str
    cause: str
    says: str
    until: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The status and what is said of it, without saying the status twice."""
        status = self.status.replace("_", " ")
        return self.says if self.says.startswith(status) else f"{status}: {self.says}"


def why(runtime: Runtime, run_id: str) -> Why:
    """The first of the possible causes that holds. NotFound for a run that isn't there."""
    with runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
        workers = [] if run.is_final else live_workers(runtime)
        troubled = {} if run.is_final else troubled_workers(runtime)
        case = _Case(runtime, tx, run, workers, troubled)
        found = next((found for cause in _CAUSES if (found := cause(case)) is not None), None)
        return _with_parked(case, found or case.why("running", _running(run, workers), workers=workers))


def _with_parked(case: _Case, why: Why) -> Why:
    """Names the effects that wait for approval beside whatever else the run does."""
    if case.run.is_final or case.run.status == "paused":
        return why
    count = len(_asked(case.tx, case.run))
    if count == 0:
        return why
    effects = "1 effect waits" if count == 1 else f"{count:,} effects wait"
    says = f"{why.says}; {effects} for approval: `botticelli effects list --waiting --run {case.run.id}`"
    return replace(why, says=says, details={**why.details, "waiting_effects": count})


@dataclass(frozen=True, slots=True)
class _Case:
    runtime: Runtime
    tx: Transaction
    run: Run
    workers: list[str]
    troubled: Mapping[str, str]

    def why(self, cause: str, says: str, until: datetime | None = None, **details: Any) -> Why:
        return Why(self.run.id, self.run.status, cause, says, until, details)


def _effect(case: _Case) -> Why | None:
    """Also of a run that has failed by it."""
    for effect in case.tx.effects.of_run(case.run.id):
        if effect["status"] == "unknown" or (effect["status"] in UNRESOLVED and case.run.is_final):
            key, place = effect["key"], f"iteration {effect['number']}, act {effect['act']}"
            says = f"nobody knows whether {effect['command']} of {place} was done; look there, then "
            says += f"`botticelli effects resolve {key[:8]} --done`, or `--retry` if it was not, or `--abandon`"
            return case.why("effect", says, effect=key, command=effect["command"], number=effect["number"])
    return None


def _over(case: _Case) -> Why | None:
    run = case.run
    if not run.is_final:
        return None
    verb = "resume" if run.status != "completed" else "retry" if run.failed else None
    again = {"resume": "goes on", "retry": "performs the failed ones again"}
    do = f"; `botticelli runs {verb} {run.id}` {again[verb]}" if verb else ""
    if run.iterations == 0:  # it was never accepted, so that nothing of it can go on
        do = "; mend that, then enqueue it again"
    because = run.reason if run.reason and run.reason != run.status else "it is over"
    return case.why("over", f"{outcome_text(run)}: {because}{do}", reason=run.reason, failed=run.failed)


def _confirmation(case: _Case) -> Why | None:
    if case.run.status != "paused" or case.run.hold is not None:
        return None
    waiting = _asked(case.tx, case.run)
    if not waiting:
        return None
    first, more = waiting[0], f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    key, place = first["key"], f"iteration {first['number']}, act {first['act']}"
    says = f"{first['command']} of {place}{more} waits for a word until {_clock(first['expires_at'])}; "
    says += f"`botticelli effects approve {key[:8]}` or `reject {key[:8]}`"
    return case.why("confirmation", says, first["expires_at"], effects=[one["key"] for one in waiting])


def _paused(case: _Case) -> Why | None:
    if case.run.status != "paused":
        return None
    moved = case.tx.levers.last(case.run.id, "pause", "pause now", HALT)
    by, reason = (moved.moved_by, moved.reason) if moved else ("somebody", "")
    verb = "stopped" if moved and moved.lever == HALT else "paused"
    says = f"{verb} by {by}" + (f": {reason}" if reason else "") + f"; `botticelli runs resume {case.run.id}` goes on"
    at = moved.moved_at if moved else None
    return case.why("paused", says, by=by, reason=reason, moved_at=at, hold=case.run.hold)


def _ending(case: _Case) -> Why | None:
    if case.run.ending is None:
        return None
    running = case.tx.iterations.performing(case.run.id)
    says = f"it will be {case.run.ending} ({case.run.reason}) when {running} of its iterations have stopped"
    return case.why("ending", says, ending=case.run.ending, reason=case.run.reason, performing=running)


def _waiting(case: _Case) -> Why | None:
    run, what = case.run, case.run.waiting_for
    if run.status != "waiting":
        return None
    if what is None:
        return case.why("waiting", f"the next try comes at {_clock(run.due_at)}: {run.reason}", run.due_at)
    pause = case.tx.overrides.in_force().get(what["scope"], {}).get(WHOLE)
    if pause is not None:
        until = f" until {_clock(pause.until)}" if pause.until else ""
        says = f"{run.reason}{until}; `botticelli budget resume {what['scope']}` goes on"
        return case.why("budget_paused", says, pause.until, scope=what["scope"], by=pause.set_by, reason=pause.reason)
    holders = _holders(case, what["scope"])
    held = f"; held by {', '.join(holders)}" if holders else ""
    window = f"{what['window']} of {what['scope']}"
    says = f"waiting for {window} until {_clock(run.due_at)}: {what['asked']:,} asked, "
    says += f"{what['used']:,} of {what['limit']:,} used"
    return case.why("waiting", says + held, run.due_at, **what, holders=holders)


def _trouble(case: _Case) -> Why | None:
    """Every worker that is alive says that something keeps it from working."""
    if not case.workers or case.workers != sorted(case.troubled):
        return None
    worker, words = next(iter(case.troubled.items()))
    return case.why("trouble", f"worker {worker} can't go on: {words}", workers=dict(case.troubled))


def _unheard(case: _Case) -> Why | None:
    """Nobody performs anything, and nobody takes the canary from the queue."""
    canary = case.tx.canaries.unanswered(QUEUE)
    timeout_seconds = case.runtime.settings.worker.canary_timeout_seconds
    if canary is None or canary.silent_seconds < timeout_seconds:
        return None
    if case.tx.iterations.performing(case.run.id) or case.tx.iterations.busy_runs(case.run.id):
        return None
    says = f"no worker takes tasks from the queue: a canary of {_clock(canary.asked_at)} is unanswered; restart the workers"
    return case.why("unheard", says, asked_at=canary.asked_at)


def _no_worker(case: _Case) -> Why | None:
    if case.workers:
        return None
    return case.why("no_worker", "no worker is alive; start a worker: celery -A botticelli worker")


def _queued(case: _Case) -> Why | None:
    """Something is admitted, nothing is performed: the workers are busy with others."""
    tx, run = case.tx, case.run
    opened = tx.iterations.open(run.id)
    if tx.iterations.performing(run.id) or not opened.in_flight:
        return None
    others = tx.iterations.busy_runs(run.id)
    behind = ", ".join(f"run {one} ({count} iterations)" for one, count in others.items())
    says = f"{opened.in_flight} of its iterations are in the queue" + (f" behind {behind}" if behind else "")
    return case.why("queued", says, queued=opened.in_flight, behind=others)


_CAUSES: tuple[Callable[[_Case], Why | None], ...] = (
    _effect,
    _over,
    _confirmation,
    _paused,
    _trouble,
    _ending,
    _waiting,
    _no_worker,
    _unheard,
    _queued,
)


def _running(run: Run, workers: list[str]) -> str:
    return (
        f"it goes on: {run.succeeded + run.failed:,} of {run.iterations:,} iterations, {len(workers)} workers are alive"
    )


def _asked(tx: Transaction, run: Run) -> list[dict[str, Any]]:
    """The effects of a run that wait to be approved or rejected."""
    return [effect for effect in tx.effects.of_run(run.id) if effect["status"] == "waiting"]


def _holders(case: _Case, scope: str) -> list[str]:
    """The runs of the tickets that hold something of the scope."""
    usage = case.runtime.budget.usage(Scope(scope))
    return sorted({ticket.rpartition(":")[0].rpartition(":")[0] for ticket in usage.holders} - {case.run.id})


def _clock(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "it is looked at again"
