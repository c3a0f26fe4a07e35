"""Rows from tables, from earlier runs, over the wire and from a client; and which rows an incremental run takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.carousel import EnqueueRequest, enqueue, retry
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.client import Client
from botticelli.errors import InvalidInput
from botticelli.messages import run_id_for
from botticelli.rows.inline import MAX_INLINE_CHARACTERS
from botticelli.rows.lists import ListSource
from botticelli.runtime.process import Runtime
from botticelli.store import Run
from tests.support.narratives import loaded, perform_all, run_of, start
from workers.handlers import store_request

TEXT = """
[narrative]
name = "mail"
[narrative.carousel]
key = "id"
continue_on_error = true
[acts]
draft = "{row.id}"
"""
ROWS = [{"id": f"r{number}"} for number in range(4)]


def _start(runtime: Runtime, rows: list[dict[str, Any]], text: str = TEXT, **choices: Any) -> Run:
    options = EnqueueRequest(rows=RowOptions(ListSource(rows, "rows"), **choices))
    return enqueue(runtime, loaded(text), "test.toml", options).run


def _keys(runtime: Runtime, run_id: str) -> list[str]:
    with runtime.store.transaction() as tx:
        return [item.key for item in tx.items.of_run(run_id)]


def test_incremental_run_takes_rows_that_have_not_succeeded(runtime: Runtime) -> None:
    first = perform_all(runtime, _start(runtime, ROWS[:2]).id)
    unfinished = _start(runtime, ROWS[2:3])
    rehearsed = enqueue(
        runtime, loaded(TEXT), "t", EnqueueRequest(rehearse=True, rows=RowOptions(ListSource(ROWS, "r")))
    ).run
    perform_all(runtime, rehearsed.id)
    second = _start(runtime, ROWS, only_new=True)
    assert (first.succeeded, _keys(runtime, second.id)) == (2, ["r2", "r3"])
    assert unfinished.status == "running"
    assert perform_all(runtime, second.id).succeeded == 2


def test_incremental_run_without_new_rows_is_completed_at_once(runtime: Runtime) -> None:
    perform_all(runtime, _start(runtime, ROWS).id)
    run = _start(runtime, ROWS, only_new=True)
    assert (run.status, run.iterations, run.rows) == ("completed", 0, 0)
    assert run.reason == "no row is new: 4 succeeded in earlier runs"


def test_batches_count_for_incremental_runs(runtime: Runtime) -> None:
    batched = TEXT.replace('key = "id"', 'key = "id"\nbatch_rows = 3').replace("{row.id}", "{rows}")
    perform_all(runtime, _start(runtime, ROWS[:3], batched).id)
    assert _keys(runtime, _start(runtime, ROWS, batched, only_new=True).id) == ["r3"]


def test_retry_performs_failed_rows_only_and_rows_are_listed_with_their_status(
    make_runtime: Callable[..., Runtime],
) -> None:
    runtime = make_runtime(drivers__echo__errors='["400", "ok", "ok", "ok", "ok"]')
    run = perform_all(runtime, _start(runtime, [*ROWS, {"x": 1}], skip_bad=True).id)
    assert (run.status, run.failed, run.succeeded) == ("completed", 1, 3)
    with runtime.store.transaction() as tx:
        (failed,) = tx.items.with_status(run.id, batch_rows=1, statuses=["failed"])
        assert tx.items.bad_rows(run.id) == [(5, "has no column id, which is its key")]
    assert failed.key == "r0" and failed.error
    retry(runtime, run.id)
    again = perform_all(runtime, run.id)
    assert (again.failed, again.succeeded) == (0, 4)


def test_rows_of_a_table_are_read_without_its_limit(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime(tables__allow='["leads"]')
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("create table leads (id int, at date)"))
        tx.connection.execute(text("insert into leads select n, '2026-01-01' from generate_series(1, 2500) as n"))
    table = '[tables.leads]\ntable_name = "leads"\nwhere = "id > {var.after}"\norder_by = "id desc"\n'
    narrative = TEXT.replace('key = "id"', 'key = "id"\nforeach = "tables.leads"') + table
    run = start(runtime, narrative, variables={"after": "100"})
    assert (run.rows, run.admissible) == (2400, 2400)
    assert _keys(runtime, run.id)[:2] == ["2500", "2499"]
    limited = start(runtime, narrative + "limit = 7\n", variables={"after": "0"})
    assert limited.rows == 7
    with runtime.store.transaction() as tx:
        assert tx.items.of_run(run.id)[0].row == {"id": 2500, "at": "2026-01-01"}
    with pytest.raises(InvalidInput, match="table secrets: doesn't exist or may not be read"):
        start(runtime, narrative.replace('"leads"', '"secrets"'), variables={"after": "0"})
    with pytest.raises(InvalidInput, match=r"\{state.x\}: can't be read in the query of the rows"):
        start(runtime, narrative.replace("{var.after}", "{state.x}"))


def test_rows_of_a_run_are_its_outputs(runtime: Runtime) -> None:
    first = perform_all(runtime, _start(runtime, ROWS).id)
    narrative = (
        '[narrative.carousel]\nforeach = {{ run = "{}", act = "draft" }}\nkey = "key"\n'
        '[acts]\na = "{{row.output}} of {{row.row.id}}, {{row.number}}"\n'
    )
    from botticelli.narrative import Environment
    from tests.support.narratives import parse_narrative

    def load(run_id: str) -> Any:
        from pathlib import Path

        return parse_narrative(
            narrative.format(run_id), source="t", folder=Path(), environment=Environment.for_local_files({}, ())
        )

    run = enqueue(runtime, load(first.id), "t", EnqueueRequest()).run
    perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        prompts = [row.prompt for row in tx.acts.of_numbers(run.id, range(1, 5))]
    assert prompts == [f"[echo: no model was called] r{n} of r{n}, {n + 1}" for n in range(4)]
    with pytest.raises(InvalidInput, match="has no act 'draft'"):
        enqueue(runtime, load(run.id), "t", EnqueueRequest())
    unfinished = _start(runtime, ROWS)
    with pytest.raises(InvalidInput, match="is running: its outputs are not complete"):
        enqueue(runtime, load(unfinished.id), "t", EnqueueRequest())


def test_rows_over_the_wire_become_a_run_and_bad_ones_a_failed_run(runtime: Runtime) -> None:
    request = {"text": TEXT, "rows": ROWS, "row_key": "id", "limit": 2}
    assert store_request(runtime, 1, "one.enqueue", {**request, "run_id": "one"})
    assert (run_of(runtime, "one").rows, run_of(runtime, "one").lacks_rows) == (2, False)
    assert not store_request(runtime, 1, "two.enqueue", {**request, "run_id": "two", "row_key": "no"})
    assert "rows: has no column no, which is its key" in str(run_of(runtime, "two").reason)
    assert not store_request(runtime, 1, "three.enqueue", {**request, "run_id": "three", "rows": ["x"]})


def test_client_stores_many_rows_itself(runtime: Runtime) -> None:
    def many() -> Iterator[dict[str, Any]]:
        yield from ({"id": f"row {number}", "text": "x" * 1000} for number in range(MAX_INLINE_CHARACTERS // 900))

    client = Client(runtime.settings)
    handle = client.enqueue(text=TEXT, rows=many(), idempotency_key="many")
    run = run_of(runtime, run_id_for("many"))
    assert (handle.id, run.rows, run.lacks_rows) == (run.id, MAX_INLINE_CHARACTERS // 900, False)
    with pytest.raises(InvalidInput, match="rows, entry 2: contains a set, which is not JSON"):
        client.enqueue(text=TEXT, rows=[{"id": 1}, {"id": {2}}])
    client.close()
