"""Content that runs over rows store: a further run replaces the rows of the same key and doubles none."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.rows.lists import ListSource
from botticelli.runtime.process import Runtime
from botticelli.store import Run
from tests.support.narratives import loaded, perform_all

TEXT = """
[narrative]
name = "keyed"
target = "posts"
[narrative.carousel]
key = "id"
concurrency = 2
continue_on_error = true
[acts]
draft = "{row.answer}"
"""
ROWS: list[dict[str, object]] = [
    {"id": "a", "answer": '{"title": "one"}'},
    {"id": "b", "answer": '[{"title": "two"}, {"title": "three"}]'},
]


def perform(runtime: Runtime, rows: list[dict[str, object]], narrative: str = TEXT, **options: Any) -> Run:
    request = EnqueueRequest(rows=RowOptions(ListSource(rows, "rows")), **options)
    return perform_all(runtime, enqueue(runtime, loaded(narrative), "test.toml", request).run.id)


def stored(runtime: Runtime) -> list[tuple[Any, ...]]:
    with runtime.store.engine.connect() as connection:
        rows = connection.execute(text("select row_id, title from botticelli_content.posts order by row_id, id"))
        return [tuple(row) for row in rows]


def test_second_run_replaces_the_content_of_its_keys(runtime: Runtime) -> None:
    assert perform(runtime, ROWS).status == "completed"
    assert stored(runtime) == [("a", "one"), ("b", "two"), ("b", "three")]
    changed = [{"id": "b", "answer": '{"title": "new"}'}, {"id": "c", "answer": '{"title": "four"}'}]
    assert perform(runtime, changed).status == "completed"
    assert stored(runtime) == [("a", "one"), ("b", "new"), ("c", "four")]


def test_rehearsal_replaces_no_content(runtime: Runtime) -> None:
    perform(runtime, ROWS[:1])
    perform(runtime, ROWS[:1], rehearse=True)
    perform(runtime, ROWS[:1], rehearse=True)
    assert stored(runtime) == [("a", "one"), ("a", "one")]


def test_answer_about_several_rows_names_the_key_of_each(runtime: Runtime) -> None:
    batched = TEXT.replace('key = "id"', 'key = "id"\nbatch_rows = 2').replace("{row.answer}", "{rows.0.answer}")
    answers = ['[{"row_id": "a", "title": "one"}, {"row_id": "b", "title": "two"}]', '[{"title": "nobody\'s"}]']
    for answer in answers:
        rows: list[dict[str, object]] = [{"id": "a", "answer": answer}, {"id": "b", "answer": answer}]
        run = perform(runtime, rows, batched)
    assert "no row_id" in (run.reason or "")
    assert stored(runtime) == [("a", "one"), ("b", "two")]
