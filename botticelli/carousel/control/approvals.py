"""Approves or rejects pending effects. The first decision is final; the run then resumes by itself.

A worker performs the approved effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func

from botticelli.carousel.actor import Actor
from botticelli.carousel.admission.dispatch import advance, publish
from botticelli.carousel.control.effect_edits import edited_args
from botticelli.carousel.plan.snapshots import demands_of_run
from botticelli.errors import InvalidInput
from botticelli.messages import Publication
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands, approval_hours
from botticelli.statuses import Decision
from botticelli.store import Effect, Run, Transaction

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class ApprovalResult:
    """The effect after a decision. `changed` is False when the same decision was made before."""

    effect: Effect
    changed: bool


def valid_seconds(runtime: Runtime, demands: Iterable[Demands]) -> float:
    """Return how long an effect can be approved, and how long an approval is valid: the shortest of the run's demands."""
    return approval_hours(runtime.settings.security, demands) * SECONDS_PER_HOUR


def decide(
    runtime: Runtime,
    effect: str,
    decision: Decision,
    mover: Actor | None = None,
    *,
    edits: Mapping[str, Any] | None = None,
) -> ApprovalResult:
    """Approve or reject an effect, by the beginning of its id. An approval is for this command with these arguments, once.

    `edits` replace prepared arguments of an effect that is approved; both are kept. The first decision counts. Raises
    NotFound for an unknown effect, and InvalidInput for one that is not pending or was decided the other way, and for
    edits that the command or a policy does not allow.
    """
    mover = mover or Actor()
    if edits and decision != "approved":
        raise InvalidInput("a rejected effect can't be edited", do="approve it with the edits, or reject it as it is")
    with runtime.store.transaction() as tx:
        before = tx.effects.find(effect)
        run = tx.runs.lock(before.run_id)
        before = tx.effects.find(before.key)
        is_open = before.status == "waiting"
        args = edited_args(runtime, tx, run, before, edits) if edits and is_open else None
        changed = tx.effects.decide(
            before.key,
            decision,
            by=mover.name,
            reason=mover.reason,
            valid_seconds=valid_seconds(runtime, demands_of_run(tx, run.id)),
            args=args,
        )
        after = tx.effects.find(before.key)
        if not changed:
            _require_same(after, decision, edits or {})
        publications = _go_on(runtime, tx, run, after.number) if changed else []
    publish(runtime, publications)
    return ApprovalResult(after, changed)


def _go_on(runtime: Runtime, tx: Transaction, run: Run, number: int) -> list[Publication]:
    """Admit the iteration again. The run resumes if only the pending effect had paused it, and not a person."""
    tx.iterations.unpark(run.id, number)
    if run.is_final or run.hold is not None:
        return []
    if run.status == "paused":
        tx.runs.set(run.id, status="running", due_at=func.now(), reason=None, waiting_since=None)
    return advance(runtime, tx, tx.runs.lock(run.id))


def _require_same(effect: Effect, decision: Decision, edits: Mapping[str, Any]) -> None:
    key = effect.key
    if effect.status == "waiting":
        do = f"`botticelli runs resume {effect.run_id}` asks again"
        raise InvalidInput(f"effect {key} was not answered in time", do=do)
    if effect.decided_by is None:
        raise InvalidInput(f"effect {key} is {effect.status}", do="only effects that wait are approved or rejected")
    earlier: Decision = "rejected" if effect.status == "rejected" else "approved"
    is_other = any(effect.args.get(name) != value for name, value in edits.items())
    if earlier != decision or is_other:
        raise InvalidInput(f"effect {key} was {earlier} by {effect.decided_by}", do="the first word counts")
