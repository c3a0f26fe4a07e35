"""Claims iterations: those offered to this worker at the same time are claimed in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from botticelli.carousel import given_variables_of, narrative_of, plan_of, variables_of
from botticelli.carousel.plan.planned_calls import Plan
from botticelli.carousel.plan.snapshots import demands_of_run
from botticelli.errors import NotFound
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.runtime.worker_heartbeat import worker_name
from botticelli.settings.demands import Demands
from botticelli.store import REJECTED, REPAIRING, ActRow, Claim, Item, Run, Transaction
from workers.batching.batcher import Batcher
from workers.batching.wait_window import busy_counter
from workers.context.iteration_context import IterationContext, Retries
from workers.recovery.leases import keeper_of


def claim(runtime: Runtime, run_id: str, number: int) -> IterationContext | None:
    """Claim an iteration and count the attempt; None when there is nothing to do."""
    return _claims.ask((runtime, run_id), number)


def _claim_together(key: tuple[Runtime, str], numbers: Sequence[int]) -> list[IterationContext | None]:
    """Claim iterations of one run; a number that is offered twice goes to the first.

    The claim is one statement that commits by itself. What can't be read or planned is found out before it.
    """
    runtime, run_id = key
    with runtime.store.single_statements() as tx:
        try:
            parts = _Parts.of(runtime, tx, run_id)
        except NotFound:
            return [None] * len(numbers)
        lease_seconds = runtime.settings.worker.lease_seconds
        run, claims = tx.steps.claim(run_id, sorted(set(numbers)), worker=worker_name(), lease_seconds=lease_seconds)
        if run is None:
            return [None] * len(numbers)
        with keeper_of(runtime).handing_back(claims.values()):
            stages = _stages(runtime, tx, run, claims, parts)
    return [stages.pop(number, None) for number in numbers]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts that all iterations of a run share. They never change, so that a process reads them once."""

    narrative: Narrative
    plan: Plan
    variables: dict[str, str]
    given: dict[str, str]
    demands: tuple[Demands, ...]

    @classmethod
    def of(cls, runtime: Runtime, tx: Transaction, run_id: str) -> _Parts:
        return cls(
            narrative_of(tx, run_id),
            plan_of(runtime, tx, run_id),
            variables_of(tx, run_id),
            given_variables_of(tx, run_id),
            demands_of_run(tx, run_id),
        )


def _stages(
    runtime: Runtime, tx: Transaction, run: Run, claims: Mapping[int, Claim], parts: _Parts
) -> dict[int, IterationContext]:
    """Return by number what the acts of each claimed iteration see."""
    earlier = _earlier(tx, run.id, [claim.number for claim in claims.values() if claim.fencing_token > 1])
    items = _items(tx, run, parts.narrative, list(claims))
    return {
        number: IterationContext(
            runtime=runtime,
            claim=claim,
            run=run,
            narrative=parts.narrative,
            variables=dict(parts.variables),
            plan=parts.plan,
            demands=parts.demands,
            given=dict(parts.given),
            finished=earlier[number].finished,
            rejected=earlier[number].rejected,
            failed_acts=earlier[number].failed_acts,
            unrepaired=earlier[number].unrepaired,
            retries=Retries(claim.retries_used),
            items=items.get(number, ()),
        )
        for number, claim in claims.items()
    }


def _items(tx: Transaction, run: Run, narrative: Narrative, numbers: Sequence[int]) -> dict[int, tuple[Item, ...]]:
    """Return the rows of iterations, by their numbers."""
    if run.rows is None:
        return {}
    batch = (narrative.carousel and narrative.carousel.batch_rows) or 1
    row_numbers = [(number - 1) * batch + place for number in numbers for place in range(1, batch + 1)]
    items: dict[int, list[Item]] = defaultdict(list)
    for item in tx.items.of_numbers(run.id, row_numbers):
        items[(item.number - 1) // batch + 1].append(item)
    return {number: tuple(rows) for number, rows in items.items()}


@dataclass(slots=True)
class _Earlier:
    """Remains of earlier attempts of an iteration: rows of acts by their status, and errors of failed ones."""

    finished: list[ActRow] = field(default_factory=list)
    rejected: list[ActRow] = field(default_factory=list)
    failed_acts: dict[tuple[int, int], str] = field(default_factory=dict)
    unrepaired: dict[tuple[int, int, int], ActRow] = field(default_factory=dict)

    def add(self, row: ActRow) -> None:
        """Add a row. A failed act without a fencing token is performed again: the run was resumed (reopen_run.sql)."""
        if row.status == REPAIRING:
            self.unrepaired[row.position, row.turn, row.attempt] = row
        elif row.status == REJECTED:
            self.rejected.append(row)
        elif row.status != "failed":
            self.finished.append(row)
        elif row.fencing_token:
            self.failed_acts[row.position, row.turn] = row.error or ""


def _earlier(tx: Transaction, run_id: str, numbers: Sequence[int]) -> dict[int, _Earlier]:
    """Return what earlier attempts have left, by number."""
    earlier: dict[int, _Earlier] = defaultdict(_Earlier)
    for row in tx.acts.of_numbers(run_id, numbers, rejected=True) if numbers else ():
        earlier[row.number].add(row)
    return earlier


_claims: Batcher[tuple[Runtime, str], int, IterationContext | None] = Batcher(
    _claim_together, busy_counter.gather_seconds
)
