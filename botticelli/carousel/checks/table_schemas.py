"""Puts the columns of content tables in place of their names, as schemas of typed answers, when a run is enqueued."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botticelli.answer_schema.columns import schema_of_columns
from botticelli.answer_schema.fields import field_fault
from botticelli.errors import InvalidInput
from botticelli.narrative.model import Act, Narrative
from botticelli.narrative.source.problems import did_you_mean
from botticelli.narrative.templates.references import references_in

if TYPE_CHECKING:
    from botticelli.store import Transaction


def with_table_schemas(tx: Transaction, narrative: Narrative, source: str) -> Narrative:
    """Return the narrative with a schema in each typed act.

    InvalidInput for a content table that does not exist yet, and for a reference to a column that it doesn't have.
    """
    if all(act.schema_table is None for act in narrative.acts):
        return narrative
    acts = tuple(_with_schema(tx, act, source) for act in narrative.acts)
    typed = {act.name: act for act in acts if act.schema_table is not None}
    for reader in acts:
        _check_fields(reader, typed, source)
    return narrative.model_copy(update={"acts": acts})


def _with_schema(tx: Transaction, act: Act, source: str) -> Act:
    if act.schema_table is None:
        return act
    table = tx.content.get(act.schema_table)
    if table is None:
        what = f"there is no content table {act.schema_table} whose columns could be the schema of act {act.name}"
        names = [known.name for known in tx.content.tables()]
        hint = did_you_mean(act.schema_table, names, otherwise="the content tables are")
        raise InvalidInput(what, where=f"{source}:{act.line}", do=hint or "write the schema as a table")
    schema = schema_of_columns(table.columns)
    return act.model_copy(update={"answer_schema": json.dumps(schema, ensure_ascii=False)})


def _check_fields(reader: Act, typed: dict[str, Act], source: str) -> None:
    for reference in references_in(reader):
        kind, *steps = reference.path or ("output",)
        act = typed.get(reference.name) if reference.kind == "act" else None
        if act is None:
            continue
        fault = field_fault(json.loads(act.answer_schema or "{}"), steps[1:] if kind == "outputs" else steps)
        if fault is not None:
            hint = did_you_mean(fault.step, fault.known, otherwise="its fields are")
            where = f"{source}:{reader.line}: [act {reader.name}] {reference.text}"
            raise InvalidInput(fault.message, where=where, do=hint)
