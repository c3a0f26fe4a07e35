"""Opens the rows that a narrative names: a file, a list, a table query, or the outputs of an earlier run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botticelli.carousel.plan.table_queries import query_of
from botticelli.errors import InvalidInput
from botticelli.narrative import Loaded
from botticelli.narrative.execution import ForEach
from botticelli.narrative.model import Narrative, Reference, TableInput
from botticelli.narrative.parts.carousels import open_file
from botticelli.narrative.source.source_text import Unreadable
from botticelli.narrative.table_text import jsonable
from botticelli.rows.lists import ListSource, SpooledSource
from botticelli.rows.row import RowSource
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands, strictest_tables
from botticelli.store import ActRow, Item, Iteration, Tables, Transaction, batch_rows

PAGE = 500
"""Iterations of an earlier run that are read at once."""


def named_rows(
    runtime: Runtime,
    loaded: Loaded,
    narrative: Narrative,
    variables: Mapping[str, str],
    demands: Sequence[Demands],
) -> RowSource | None:
    """Open the rows that the narrative names; None when it names none. InvalidInput when they can't be read."""
    foreach = narrative.carousel.foreach if narrative.carousel else None
    if foreach is None:
        return None
    if foreach.file is not None:
        return _file(loaded, foreach)
    if foreach.table is not None:
        given = {**narrative.variables, **variables}
        return _table(runtime, TableInput.model_validate(foreach.table), given, demands)
    if foreach.run is not None:
        return outputs_of(runtime, foreach.run, foreach.act)
    return ListSource(foreach.rows, "foreach")


def _file(loaded: Loaded, foreach: ForEach) -> RowSource:
    try:
        return open_file(foreach, loaded.folders)
    except Unreadable as error:
        do = "put it beside the narrative, or give rows with --rows FILE"
        raise InvalidInput(str(error), where=str(foreach.file), do=do) from None


def _table(runtime: Runtime, input_: TableInput, variables: Mapping[str, str], demands: Sequence[Demands]) -> RowSource:
    """Read all rows of a query from one snapshot into a temporary file; its limit counts only where it is written."""
    settings = strictest_tables(runtime.settings.tables, demands)
    query = query_of(input_, lambda reference: _variable(reference, variables))
    limit = input_.limit if "limit" in input_.model_fields_set else None
    with runtime.store.reading(settings.timeout_seconds) as connection:
        tables = Tables(connection, allow=settings.allow, write=settings.write)
        rows = (jsonable(row) for row in tables.stream(query, limit))
        return SpooledSource(rows, f"table {input_.table_name}")


def _variable(reference: Reference, variables: Mapping[str, str]) -> Any:
    if reference.kind != "var":
        do = "only {var.NAME} is known before a run has begun"
        raise InvalidInput("can't be read in the query of the rows", where=reference.text, do=do)
    if reference.name not in variables:
        raise InvalidInput(f"no value for {reference.text}", do=f"give it with --var {reference.name}=VALUE")
    return variables[reference.name]


def outputs_of(runtime: Runtime, run_id: str, act: str | None) -> RowSource:
    """Read the outputs of the iterations of a run that succeeded: columns number, key, row, output. InvalidInput."""
    with runtime.store.transaction() as tx:
        run = tx.runs.get(tx.runs.resolve(run_id))
        snapshot = tx.runs.snapshot(run.id).narrative
    names = [each["name"] for each in snapshot.get("acts", ())]
    if act is not None and act not in names:
        do = f"its acts are {', '.join(dict.fromkeys(names)) or 'none'}"
        raise InvalidInput(f"run {run.id} has no act {act!r}", where="foreach", do=do)
    if not run.is_final:
        do = "wait for its end, or cancel it"
        raise InvalidInput(f"run {run.id} is {run.status}: its outputs are not complete", where="foreach", do=do)
    batch = batch_rows(snapshot)
    return SpooledSource(_outputs(runtime, run.id, act, batch), f"run {run.id}")


def _outputs(runtime: Runtime, run_id: str, act: str | None, batch: int) -> Iterator[dict[str, Any]]:
    after = 0
    while True:
        with runtime.store.transaction() as tx:
            page = tx.iterations.of_run(run_id, after=after, limit=PAGE)
            acts = _acts(tx, run_id, [iteration.number for iteration in page], act)
            items = _items(tx, run_id, page) if batch == 1 else {}
        for iteration in page:
            output = acts.get(iteration.number)
            if iteration.status == "succeeded" and output is not None:
                item = items.get(iteration.number)
                known = {} if item is None else {"key": item.key, "row": item.row}
                yield {"number": iteration.number, **known, "output": output}
        if not page:
            return
        after = page[-1].number


def _acts(tx: Transaction, run_id: str, numbers: Sequence[int], act: str | None) -> dict[int, str]:
    """Return the output of the last act that has one, or of the act of that name, by the number of the iteration."""
    rows: list[ActRow] = tx.acts.of_numbers(run_id, numbers) if numbers else []
    ordered = sorted(rows, key=lambda row: (row.position, row.turn))
    return {row.number: row.output for row in ordered if row.output is not None and act in (None, row.name)}


def _items(tx: Transaction, run_id: str, page: Sequence[Iteration]) -> dict[int, Item]:
    return {item.number: item for item in tx.items.of_numbers(run_id, [iteration.number for iteration in page])}
