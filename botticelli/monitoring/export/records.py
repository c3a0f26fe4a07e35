"""Reads the records of an export in row order, a page at a time: one for each row, or for each iteration without rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from botticelli.store import ActRow, ItemStatus, Iteration, Run, Store, Transaction, batch_rows
from botticelli.store.runs.acts import REJECTED

PAGE = 500
"""How many iterations are read at once."""
FINAL = ("succeeded", "failed", "cancelled")
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Record:
    """One row of an export: its columns, and what its iteration brought.

    `number` counts rows, or iterations in a run without rows, from 1. Costs and tokens of an iteration with several rows
    are shared equally among them. `status` is that of the iteration, `pending` before it was admitted.
    """

    number: int
    key: str | None
    line: int | None
    row: Mapping[str, Any]
    iteration: int
    status: str
    error: str | None
    acts: Mapping[str, ActRow]
    """The last turn of each act, by its name."""
    cost_usd: Decimal | None
    input_tokens: int
    output_tokens: int
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def records(store: Store, run: Run, *, after: int = 0) -> Iterator[Record]:
    """Yield the records of a run with a number above `after`. Memory does not grow with the run."""
    with store.transaction() as tx:
        batch = batch_rows(tx.runs.snapshot(run.id).narrative)
    page_of = _row_page if run.rows is not None else _iteration_page
    size = max(1, PAGE // batch) * batch
    while page := page_of(store, run, batch, after, size):
        yield from page
        after = page[-1].number


@dataclass(frozen=True, slots=True)
class _Performed:
    """Acts of one performed iteration; `calls` contains answers that were not accepted, which cost money too."""

    iteration: Iteration
    acts: Mapping[str, ActRow]
    calls: Sequence[ActRow]

    def cost_usd(self, share: int) -> Decimal | None:
        """Return the cost for one of `share` rows; None when a price is unknown."""
        costs = [act.cost_usd for act in self.calls if act.model is not None]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) / share if len(known) == len(costs) else None


def _row_page(store: Store, run: Run, batch: int, after: int, limit: int) -> list[Record]:
    with store.transaction() as tx:
        items = tx.items.with_status(run.id, batch_rows=batch, statuses=(), after=after, limit=limit)
        performed = _performed(tx, run.id, sorted({item.iteration for item in items}))
    shares = Counter(item.iteration for item in items)
    return [_record(item.iteration, performed, shares[item.iteration], item) for item in items]


def _iteration_page(store: Store, run: Run, _batch: int, after: int, limit: int) -> list[Record]:
    numbers = range(after + 1, min(run.iterations, after + limit) + 1)
    with store.transaction() as tx:
        performed = _performed(tx, run.id, numbers)
    return [_record(number, performed) for number in numbers]


def _performed(tx: Transaction, run_id: str, numbers: Sequence[int]) -> dict[int, _Performed]:
    """Read iterations whose numbers follow each other, with their acts."""
    if not numbers:
        return {}
    calls: dict[int, list[ActRow]] = {}
    for row in tx.acts.of_numbers(run_id, numbers, rejected=True):
        calls.setdefault(row.number, []).append(row)
    iterations = tx.iterations.of_run(run_id, after=numbers[0] - 1, limit=len(numbers))
    return {
        iteration.number: _Performed(
            iteration,
            {row.name: row for row in calls.get(iteration.number, ()) if row.status != REJECTED},
            calls.get(iteration.number, ()),
        )
        for iteration in iterations
    }


def _record(
    iteration: int, by_number: Mapping[int, _Performed], share: int = 1, item: ItemStatus | None = None
) -> Record:
    performed = by_number.get(iteration)
    calls = performed.calls if performed else ()
    return Record(
        number=item.number if item else iteration,
        key=item.key if item else None,
        line=item.line if item else None,
        row=item.row if item else {},
        iteration=iteration,
        status=performed.iteration.status if performed else PENDING,
        error=performed.iteration.error if performed else None,
        acts=performed.acts if performed else {},
        cost_usd=performed.cost_usd(share) if performed else Decimal(0),
        input_tokens=sum(act.input_tokens for act in calls) // share,
        output_tokens=sum(act.output_tokens for act in calls) // share,
        started_at=performed.iteration.started_at if performed else None,
        finished_at=performed.iteration.finished_at if performed else None,
    )
