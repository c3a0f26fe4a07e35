"""Records acts: rows, ledger, content, `output_var`, accepted texts; and rejects those that a gate has done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from botticelli.gates.text_checks import Failure
from botticelli.narrative import parse_json_or_text
from botticelli.narrative.gate import Unique
from botticelli.narrative.loops import loop_end, loop_start
from botticelli.spending.account import CallCharge
from botticelli.store import (
    REDO,
    REDONE,
    REJECTED,
    REVIEW,
    ActRow,
    NewRow,
    Origin,
    Transaction,
    escape_segment,
)
from botticelli.telemetry.failpoints import reach
from workers.batching.batched_writes import ActRecord, record_act
from workers.context.iteration_context import IterationContext
from workers.executor.judgement import column_of, near_copies, place_of, texts_of
from workers.outputs.content_output import Schema, rows_in, schema_of, store

Rows = tuple[Schema, list[NewRow]]


class NearCopy(Exception):
    """A text that another iteration has accepted meanwhile is nearly the same; nothing was written."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__("a near copy was accepted meanwhile")
        self.failures = tuple(failures)


@dataclass(frozen=True, slots=True)
class Result:
    """Results of an act beyond its row: rows of content, and the value of its `output_var`."""

    stage: IterationContext
    row: ActRow
    bound: Any = None
    content: Rows | None = None

    @property
    def is_empty(self) -> bool:
        return self.content is None and (self.stage.act.output_var is None or self.bound is None)

    def write(self, tx: Transaction, *, is_new: bool, flagged: bool) -> None:
        """Write it in the transaction of the act's row."""
        if self.content is not None and is_new:
            source = self.stage.narrative.name_for(self.stage.act)
            origin = Origin(source, self.row.run_id, self.row.name, self.row.model, self.stage.is_rehearsal, flagged)
            store(tx, *self.content, origin)
        variable = self.stage.act.output_var
        if variable is not None and self.bound is not None:
            metadata = {"run": self.row.run_id, "act": self.row.name}
            tx.state.set(variable_key(self.stage, variable), self.bound, metadata=metadata)


def variable_key(stage: IterationContext, variable: str) -> str:
    narrative = escape_segment(stage.narrative.name_for(stage.act))
    return f"{stage.state_prefix}narrative.{narrative}.{variable}"


def record_result(result: Result, charge: CallCharge | None) -> None:
    """Record an act with what it brought, in one transaction, which also ends the iteration when this is its last act.

    What acts bring whose answer a later gate may reject is recorded when that gate accepts it. Raises NearCopy.
    """
    stage, row = result.stage, result.row
    record = ActRecord(stage.claim, row, charge)
    results = [] if row.status == "failed" else [each for each in _accepted(result) if not each.is_empty]
    if results or (row.status == "done" and _unique(stage) is not None):
        _record_with(stage, record, results)
        reach("act_recorded")
    elif charge is not None and row.status == "done" and stage.is_last(row.turn):
        stage.last_acts.append(record)
    else:
        record_act(stage.runtime, record)
        reach("act_recorded")
    if row.status != "failed":
        stage.finished.append(row)


def _accepted(result: Result) -> list[Result]:
    """Return the results that are final now: none while a later gate may reject them, else those before it as well."""
    stage, acts = result.stage, result.stage.narrative.acts
    if all(act.gate is None for act in acts[stage.position :]):
        return [result]
    if loop_end(acts, stage.position) != stage.position:
        return []
    earlier = range(loop_start(acts, stage.position), stage.position)
    rows = [row for row in tuple(stage.finished) if row.position in earlier and row.status == "done"]
    return [*(_postponed(stage.at(row.position), row) for row in rows), result]


def _postponed(stage: IterationContext, row: ActRow) -> Result:
    output, schema = row.output or "", schema_of(stage, stage.position)
    content = (schema, rows_in(output, schema)) if schema else None
    return Result(stage, row, parse_json_or_text(output), content)


def _record_with(stage: IterationContext, record: ActRecord, results: Sequence[Result]) -> None:
    row, settled = record.settle() if record.charge else (record.row, None)
    with stage.guarded() as tx:
        _accept_text(stage, tx, row)
        is_new = tx.acts.record(row)
        for result in results:
            result.write(tx, is_new=is_new, flagged=row.verdict == REVIEW)
        if settled is not None:
            tx.ledger.settle_all([settled])


def _unique(stage: IterationContext) -> Unique | None:
    return stage.act.gate.unique if stage.act.gate else None


def _accept_text(stage: IterationContext, tx: Transaction, row: ActRow) -> None:
    """Accept the text of a unique act, one transaction after the other for each column. Raises NearCopy.

    The text was compared before; only what was accepted since then is compared again while the column is locked.
    """
    unique = _unique(stage)
    if unique is None or row.status != "done":
        return
    column = column_of(stage, unique)
    tx.texts.lock(column)
    failures = [] if row.verdict else list(near_copies(stage, tx, unique, row, recent=True))
    if failures:
        raise NearCopy(failures)
    tx.texts.add(column, place_of(row), texts_of(unique, row.output or ""))


def record_rejection(stage: IterationContext, row: ActRow, charge: CallCharge) -> None:
    """Record an answer that a gate did not accept, and reject the answers before it that are to be given again."""
    start = loop_start(stage.narrative.acts, stage.position)
    if start == stage.position:
        record_act(stage.runtime, ActRecord(stage.claim, row, charge))
        stage.rejected.append(row)
        return
    positions, reason = range(start, stage.position), row.error or ""
    row, _ = ActRecord(stage.claim, row, charge).settle()
    with stage.guarded() as tx:
        tx.acts.record(row)
        tx.ledger.settle_all([charge.row])
        tx.acts.reject(row.run_id, row.number, positions, reason)
        tx.texts.forget(row.run_id, row.number, positions)
    again = [each for each in tuple(stage.finished) if each.position in positions]
    for each in again:
        stage.finished.remove(each)
        verdict = REDO if each.position == start else REDONE
        stage.rejected.append(replace(each, status=REJECTED, verdict=verdict, error=reason))
    stage.rejected.append(row)
