"""Runs over rows: what is stored, what workers see, and what a process that dies while it copies leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func

from botticelli.carousel import EnqueueRequest, Fork, enqueue, fork
from botticelli.carousel.enqueuing import row_copy
from botticelli.carousel.enqueuing.enqueue import begin
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.narrative import Environment, load_narrative
from botticelli.rows.lists import ListSource, SpooledSource
from botticelli.runtime.process import Runtime
from botticelli.store import Run
from tests.support.narratives import loaded, perform_all, perform_open, run_of, sweep

TEXT = """
[narrative]
name = "rows"
[narrative.carousel]
key = "email"
concurrency = 2
[acts]
draft = "Write to {row.name} <{row.email}>, number {row_number} of {iterations}: {row.note.tone}"
"""
ROWS = [
    {"email": f"{name}@example.org", "name": name, "note": {"tone": "{state.x}"}, "id": 7}
    for name in ("ada", "bob", "eve")
]


def _outputs(runtime: Runtime, run: Run) -> list[str | None]:
    with runtime.store.transaction() as tx:
        numbers = [iteration.number for iteration in tx.iterations.of_run(run.id)]
        return [tx.acts.of_iteration(run.id, number)[0].prompt for number in numbers]


def _enqueue(runtime: Runtime, text: str, rows: list[dict[str, object]], **options: object) -> Run:
    given = RowOptions(ListSource(rows, "rows"))
    return enqueue(runtime, loaded(text), "test.toml", EnqueueRequest(rows=given, **options)).run  # type: ignore[arg-type]


def test_each_row_is_one_iteration_with_its_values_as_data(runtime: Runtime) -> None:
    run = _enqueue(runtime, TEXT, ROWS)
    assert (run.iterations, run.rows, run.admissible, run.lacks_rows) == (3, 3, 3, False)
    assert perform_all(runtime, run.id).status == "completed"
    assert _outputs(runtime, run) == [
        f"Write to {row['name']} <{row['email']}>, number {number} of 3: {{state.x}}"
        for number, row in enumerate(ROWS, 1)
    ]
    with runtime.store.transaction() as tx:
        assert [(item.key, item.row) for item in tx.items.of_run(run.id)] == [(row["email"], row) for row in ROWS]


def test_a_whole_row_keeps_the_order_of_its_columns_and_batches_have_several(runtime: Runtime) -> None:
    whole = TEXT.split("draft =", 1)[0] + 'draft = "{row}"\n'
    assert _outputs(runtime, perform_all(runtime, _enqueue(runtime, whole, ROWS[:1]).id)) == [
        '{"email":"ada@example.org","name":"ada","note":{"tone":"{state.x}"},"id":7}'
    ]
    batched = (
        TEXT.replace('key = "email"', "batch_rows = 2").split("draft =", 1)[0] + 'draft = "{rows.0.name}: {rows}"\n'
    )
    run = _enqueue(runtime, batched, ROWS)
    assert (run.iterations, run.rows) == (2, 3)
    first, second = _outputs(runtime, perform_all(runtime, run.id))
    assert first is not None and first.startswith('ada: [{"email":"ada@') and first.count("email") == 2
    assert second is not None and second.startswith('eve: [{"email":"eve@') and second.count("email") == 1


def test_rows_of_a_file_beside_the_narrative_are_copied_once(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text('email,name\na@x,Ada\nb@x,"Bob, the\nbuilder"\n', encoding="utf-8")
    file = tmp_path / "mail.toml"
    file.write_text(
        '[narrative.carousel]\nforeach = { file = "people.csv" }\niterations = 2\n[acts]\na = "{row.name}"\n',
        encoding="utf-8",
    )
    environment = Environment.for_local_files({}, ())
    read = load_narrative(file, environment=environment)
    run = enqueue(runtime, read, str(file), EnqueueRequest()).run
    (tmp_path / "people.csv").unlink()
    assert _outputs(runtime, perform_all(runtime, run.id)) == ["Ada", "Bob, the\nbuilder"]


def test_first_iterations_start_while_rows_are_copied_and_a_lost_copier_fails_the_run(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_copy, "BATCH_ROWS", 2)
    rows = [{"email": f"{number}@x", "name": "n", "note": {"tone": "t"}} for number in range(5)]
    source = SpooledSource(iter(rows), "rows")
    options = EnqueueRequest(rows=RowOptions(source), idempotency_key="once")
    begun = begin(runtime, loaded(TEXT), "test.toml", options)
    run = begun.run
    assert (run.iterations, run.admissible, run.dispatched, run.due_at) == (5, 2, 2, run.rows_lease_until)
    source.close()
    while perform_open(runtime, run.id):
        pass
    assert run_of(runtime, run.id).status == "running"
    with runtime.store.transaction() as tx:
        tx.runs.set(run.id, rows_lease_until=func.now(), due_at=func.now())
    sweep(runtime)
    failed = run_of(runtime, run.id)
    assert failed.status == "failed" and "2 of 5 iterations have their rows" in (failed.reason or "")

    again = EnqueueRequest(rows=RowOptions(SpooledSource(iter(rows), "rows")), idempotency_key="once")
    resumed = enqueue(runtime, loaded(TEXT), "test.toml", again)
    assert not resumed.created
    ended = perform_all(runtime, run.id)
    assert (ended.status, ended.succeeded, ended.admissible) == ("completed", 5, 5)
    with runtime.store.transaction() as tx:
        assert [item.key for item in tx.items.of_run(run.id)] == [row["email"] for row in rows]


def test_a_copier_that_was_replaced_writes_nothing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_copy, "BATCH_ROWS", 1)
    first = begin(runtime, loaded(TEXT), "t", EnqueueRequest(rows=RowOptions(ListSource(ROWS, "r")), run_id="r"))
    with runtime.store.transaction() as tx:
        tx.runs.set("r", rows_lease_until=func.now())
    second = begin(runtime, loaded(TEXT), "t", EnqueueRequest(rows=RowOptions(ListSource(ROWS, "r")), run_id="r"))
    assert first.row_copy is not None and second.row_copy is not None
    first.row_copy.run()
    assert run_of(runtime, "r").admissible == 2
    second.row_copy.run()
    assert run_of(runtime, "r").admissible == 3


def test_a_fork_performs_the_same_rows_and_pruning_takes_them_away(runtime: Runtime) -> None:
    run = perform_all(runtime, _enqueue(runtime, TEXT, ROWS).id)
    forked = fork(runtime, run.id, Fork(2)).run
    assert perform_all(runtime, forked.id).succeeded == 3
    assert _outputs(runtime, forked)[2] == _outputs(runtime, run)[2]
    with runtime.store.transaction() as tx:
        tx.runs.forget_narrative("rows")
        assert tx.items.of_run(run.id) == tx.items.of_run(forked.id) == []


ITEMS = """
[carousel]
key = "id"
[acts.each]
prompt = "{row_number}: {row.name}, {row}"
[acts.each.carousel]
foreach = "{row.items}"
iterations = 2
[acts.last]
prompt = "{row.id} {act.each.outputs.0}"
history = false
skip_if = "{row.is_empty}"
"""


def test_turns_of_an_act_go_through_a_list_up_to_its_iterations(runtime: Runtime) -> None:
    items: list[object] = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    run = perform_all(runtime, _enqueue(runtime, ITEMS, [{"id": 1, "items": items, "is_empty": False}]).id)
    with runtime.store.transaction() as tx:
        acts = tx.acts.of_iteration(run.id, 1)
    prompts = [row.prompt for row in acts]
    cut = "its list has 3 items and iterations is 2: 1 left out"
    assert [row.warning for row in acts] == [None, cut, None]
    assert prompts[:2] == ['1: a, {"name":"a"}', '2: b, {"name":"b"}']
    assert (run.status, prompts[2]) == ("completed", '1 [echo: no model was called] 1: a, {"name":"a"}')


def test_empty_list_skips_the_act_and_no_list_fails_it(runtime: Runtime) -> None:
    run = perform_all(runtime, _enqueue(runtime, ITEMS, [{"id": 1, "items": [], "is_empty": True}]).id)
    with runtime.store.transaction() as tx:
        assert [row.status for row in tx.acts.of_iteration(run.id, 1)] == ["skipped", "skipped"]
    assert run.status == "completed"
    failed = perform_all(runtime, _enqueue(runtime, ITEMS, [{"id": 1, "items": "two, three", "is_empty": True}]).id)
    assert failed.status == "failed" and "{row.items}: is not a list: two, three" in (failed.reason or "")
