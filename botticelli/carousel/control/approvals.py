"""Approves or rejects pending effects. The first decision is final; the run then resumes by itself.

Performs nothing: the worker does, when it finds the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func

from botticelli.carousel.actor import Actor
from botticelli.carousel.admission.dispatch import advance, publish
from botticelli.carousel.plan.snapshots import demands_of_run
from botticelli.errors import InvalidInput
from botticelli.messages import Publication
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands, approval_hours
from botticelli.store import Decision, Run, Transaction

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class ApprovalResult:
    """The effect's row after it. `changed` is False when the same had been said before."""

    effect: Mapping[str, Any]
    changed: bool


def valid_seconds(runtime: Runtime, demands: Iterable[Demands]) -> float:
    """For so long a question is open, and for so long an approval holds: the shortest of what holds for the run."""
    return approval_hours(runtime.settings.security, demands) * SECONDS_PER_HOUR


def decide(runtime: Runtime, effect: str, decision: Decision, mover: Actor | None = None) -> ApprovalResult:
    """`effect` is the beginning of its id. What is approved is this command with these arguments, once.

    The first answer counts: NotFound when there is no such effect, InvalidInput when it doesn't wait (any more) or the
    opposite was said.
    """
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
        row = tx.effects.find(effect)
        key = row["key"]
        run = tx.runs.lock(row["run_id"])
        changed = tx.effects.decide(
            key,
            decision,
            by=mover.name,
            reason=mover.reason,
            valid_seconds=valid_seconds(runtime, demands_of_run(tx, run.id)),
        )
        after = tx.effects.find(key)
        if not changed:
            _require_same(after, decision)
        publications = _go_on(runtime, tx, run, after["number"]) if changed else []
    publish(runtime, publications)
    return ApprovalResult(after, changed)


def effects_waiting(runtime: Runtime, run_id: str) -> list[dict[str, Any]]:
    """The effects of a run that wait for a word, in the order in which they were asked."""
    with runtime.store.transaction() as tx:
        return [row for row in tx.effects.of_run(run_id) if row["status"] == "waiting"]


def _go_on(runtime: Runtime, tx: Transaction, run: Run, number: int) -> list[Publication]:
    """Admit the iteration again. A run that only the question had paused goes on; one that a person holds does not."""
    tx.iterations.unpark(run.id, number)
    if run.is_final or run.hold is not None:
        return []
    if run.status == "paused":
        tx.runs.set(run.id, status="running", due_at=func.now(), reason=None, waiting_since=None)
    return advance(runtime, tx, tx.runs.lock(run.id))


def _require_same(row: Mapping[str, Any], decision: Decision) -> None:
    key = row["key"]
    if row["status"] == "waiting":
        do = f"`botticelli runs resume {row['run_id']}` asks again"
        raise InvalidInput(f"effect {key} was not answered in time", do=do)
    if row["decided_by"] is None:
        raise InvalidInput(f"effect {key} is {row['status']}", do="only effects that wait are approved or rejected")
    said = "rejected" if row["status"] == "rejected" else "approved"
    if said != decision:
        raise InvalidInput(f"effect {key} was {said} by {row['decided_by']}", do="the first word counts")
