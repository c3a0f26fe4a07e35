"""Exports of runs: all formats, in row order, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path
from typing import Any

import polars
import pytest
from pyarrow import parquet

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.errors import InvalidInput
from botticelli.monitoring.export import run_export as exports
from botticelli.monitoring.export.run_export import run_export, write_file, write_text
from botticelli.rows.lists import ListSource
from botticelli.runtime.process import Runtime
from botticelli.store import Run
from tests.support.narratives import loaded, narrative_text, perform_all, perform_open, run_of, start

TEXT = """
[narrative]
name = "export"
[narrative.carousel]
key = "id"
concurrency = 2
continue_on_error = true
[acts]
draft = "{row.title}"
"""
ROWS: list[dict[str, object]] = [
    {"id": "a", "title": '{"score": 4, "tags": ["new", "red"]}', "price": 5, "note": "=1+1"},
    {"id": "b", "title": '{"score": 2.5, "tags": []}', "price": 7, "note": "-5"},
    {"id": "c", "title": "no JSON", "price": None, "note": "@SUM(A1)"},
]


def enqueued(runtime: Runtime, rows: list[dict[str, object]] = ROWS, text: str = TEXT) -> Run:
    request = EnqueueRequest(rows=RowOptions(ListSource(rows, "rows")))
    return enqueue(runtime, loaded(text), "test.toml", request).run


def written(runtime: Runtime, run: Run, format_: Any, columns: str | None = None, **options: Any) -> str:
    file = io.StringIO(newline="")
    write_text(run_export(runtime.store, run.id, columns, succeeded=options.pop("succeeded", False)), format_, file)
    return file.getvalue()


def test_csv_has_every_row_in_order_and_no_formula(runtime: Runtime) -> None:
    run = perform_all(runtime, enqueued(runtime).id)
    head, *rows = csv.reader(io.StringIO(written(runtime, run, "csv")))
    assert head == [
        "key",
        "row.id",
        "row.title",
        "row.price",
        "row.note",
        "act.draft.output",
        "status",
        "error",
        "cost_usd",
    ]
    assert [row[0] for row in rows] == ["a", "b", "c"]
    assert [row[4] for row in rows] == ["'=1+1", "-5", "'@SUM(A1)"]
    assert {row[6] for row in rows} == {"succeeded"}


def test_json_lines_hold_fields_of_answers_with_their_types(runtime: Runtime) -> None:
    run = perform_all(runtime, enqueued(runtime).id)
    columns = "key,row.price,act.draft.output.score,act.draft.output.tags.0"
    lines = [json.loads(line) for line in written(runtime, run, "jsonl", columns).splitlines()]
    scores = [line["act.draft.output.score"] for line in lines]
    with runtime.store.transaction() as tx:
        outputs = [tx.acts.of_iteration(run.id, number)[0].output or "" for number in (1, 2, 3)]
    assert [line["row.price"] for line in lines] == [5, 7, None]
    assert scores == [json.loads(output)["score"] if output.startswith("{") else None for output in outputs]


def test_parquet_has_the_types_of_its_values(runtime: Runtime, tmp_path: Path) -> None:
    run = perform_all(runtime, enqueued(runtime).id)
    export = run_export(runtime.store, run.id, "key,row.price,cost_usd,finished_at,number", succeeded=False)
    assert write_file(export, "parquet", tmp_path / "out.parquet") == 3
    table = parquet.read_table(tmp_path / "out.parquet")
    assert [str(field.type) for field in table.schema] == [
        "string",
        "int64",
        "double",
        "timestamp[us, tz=UTC]",
        "int64",
    ]
    assert table.column("row.price").to_pylist() == [5, 7, None]
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_parquet_is_read_by_polars_with_the_same_types(runtime: Runtime, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "id": "a",
            "title": "x",
            "whole": 2**40,
            "real": 1.5,
            "flag": True,
            "tags": ["n"],
            "mixed": 1,
            "deep": {"x": 1},
        },
        {"id": "b", "title": "y", "whole": None, "real": 2, "flag": None, "tags": [], "mixed": "two", "deep": None},
    ]
    run = perform_all(runtime, enqueued(runtime, rows).id)
    columns = "key,row.whole,row.real,row.flag,row.tags,row.mixed,row.deep,error,cost_usd,input_tokens,started_at"
    write_file(run_export(runtime.store, run.id, columns, succeeded=False), "parquet", tmp_path / "out.parquet")
    table = polars.read_parquet(tmp_path / "out.parquet")
    assert dict(table.schema) == {
        **{"key": polars.String, "row.whole": polars.Int64, "row.real": polars.Float64, "row.flag": polars.Boolean},
        **{"row.tags": polars.List(polars.String), "row.mixed": polars.String, "row.deep": polars.String},
        **{"error": polars.String, "cost_usd": polars.Float64, "input_tokens": polars.Int64},
        "started_at": polars.Datetime("us", "UTC"),
    }
    assert table.select("row.whole", "row.real", "row.flag", "row.mixed", "row.deep").rows() == [
        (2**40, 1.5, True, "1", '{"x": 1}'),
        (None, 2.0, None, "two", None),
    ]
    assert table["error"].to_list() == [None, None] and table["cost_usd"].sum() == float(run.cost_usd or 0)
    assert all(moment is not None and moment.tzinfo is not None for moment in table["started_at"])


def test_column_of_a_later_row_and_any_column_of_a_run_without_rows_may_be_named(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SAMPLE", 1)
    run = perform_all(runtime, enqueued(runtime, [{"id": "a", "title": "x"}, {"id": "b", "title": "y", "late": 7}]).id)
    assert written(runtime, run, "csv", "key,row.late").split() == ["key,row.late", "a,", "b,7"]
    with pytest.raises(InvalidInput, match=r"there is no column 'row\.lste'"):
        written(runtime, run, "csv", "row.lste")
    request = EnqueueRequest(rows=RowOptions(ListSource([{"id": "a", "title": "x"}], "rows"), only_new=True))
    nothing = enqueue(runtime, loaded(TEXT), "test.toml", request).run
    assert nothing.rows == 0 and written(runtime, nothing, "csv", "key,row.title").split() == ["key,row.title"]


def test_rows_that_have_not_ended_are_pending_and_can_be_left_out(runtime: Runtime) -> None:
    run = enqueued(runtime)
    perform_open(runtime, run.id)
    statuses = written(runtime, run_of(runtime, run.id), "csv", "key,status").split()[1:]
    assert len(statuses) == 3 and statuses[0] == "a,succeeded"
    done = [line.partition(",")[0] for line in statuses if line.endswith("succeeded")]
    assert written(runtime, run, "csv", "key", succeeded=True).split()[1:] == done


def test_rows_of_a_batch_share_its_answer_and_its_cost(runtime: Runtime) -> None:
    text = TEXT.replace('key = "id"', "batch_rows = 2").replace("{row.title}", "{rows.0.id}")
    run = perform_all(runtime, enqueued(runtime, text=text).id)
    head, *rows = csv.reader(
        io.StringIO(written(runtime, run, "csv", "number,iteration,act.draft.output,input_tokens"))
    )
    assert [row[:2] for row in rows] == [["1", "1"], ["2", "1"], ["3", "2"]]
    assert rows[0][2:] == rows[1][2:] and head[0] == "number"
    assert int(rows[0][3]) + int(rows[1][3]) + int(rows[2][3]) <= run.input_tokens


def test_run_without_rows_exports_its_iterations(runtime: Runtime) -> None:
    run = perform_all(runtime, start(runtime, narrative_text(3)).id)
    lines = [json.loads(line) for line in written(runtime, run, "jsonl").splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2, 3]
    assert {line["status"] for line in lines} == {"succeeded"}


def test_followed_export_writes_each_row_as_it_ends(runtime: Runtime, tmp_path: Path) -> None:
    run = enqueued(runtime)
    export = run_export(runtime.store, run.id, "key,status", succeeded=False)
    follower = threading.Thread(target=write_file, args=(export, "csv", tmp_path / "out.csv"), kwargs={"follow": True})
    follower.start()
    perform_all(runtime, run.id)
    follower.join(60)
    assert (tmp_path / "out.csv").read_text().split() == ["key,status", *(f"{key},succeeded" for key in "abc")]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ("key,row.pries", "there is no column 'row.pries'; did you mean price?"),
        ("act.draught.output", "there is no column 'act.draught.output'; did you mean draft?"),
        ("act.draft.outptu", "there is no column 'act.draft.outptu'; did you mean output?"),
        ("statuss", "there is no column 'statuss'; did you mean status?"),
        ("key,key", "--columns names 'key' twice"),
        (" , ", "--columns names no column"),
    ],
)
def test_unknown_column_is_refused_with_the_nearest_one(runtime: Runtime, columns: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        run_export(runtime.store, enqueued(runtime).id, columns, succeeded=False)
    assert problem in str(refused.value)


def test_file_that_can_not_be_written_is_refused_and_leaves_nothing(runtime: Runtime, tmp_path: Path) -> None:
    export = run_export(runtime.store, enqueued(runtime).id, None, succeeded=False)
    with pytest.raises(InvalidInput, match="can't be written"):
        write_file(export, "csv", tmp_path / "no folder" / "out.csv")
    assert list(tmp_path.iterdir()) == []
