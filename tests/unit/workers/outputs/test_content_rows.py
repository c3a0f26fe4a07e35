"""Which JSON of an answer becomes rows, and how large it may be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from botticelli.narrative.model import TableInput
from botticelli.narrative.table_text import format_rows, jsonable
from workers.context.outcomes import ActFailed
from workers.outputs.content_output import Schema, columns_of, kind_of_type, rows_in

FREE = Schema("posts", None, None)


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('[{"a": 1}, {"b": null}]', [{"a": 1}, {"b": None}]),
        ('Sure!\n```json\n{"a": 1}\n```\nMore?', [{"a": 1}]),
        ('The rows: [{"a": 1}] as asked', [{"a": 1}]),
        ('{"posts": [{"a": 1}, {"a": 2}]}', [{"a": 1}, {"a": 2}]),
        ('{"Title": "x", "publish date": "y", "b-c": 1}', [{"title": "x", "publish_date": "y", "b_c": 1}]),
        ('[{"a": 1,}, {"a": "two"', [{"a": 1}, {"a": "two"}]),
        ('{"id": 7, "review_status": "approved", "source_run": "x", "a": 1}', [{"a": 1}]),
    ],
)
def test_rows_are_found(answer: str, values: list[dict[str, object]]) -> None:
    assert [row.values for row in rows_in(answer, FREE)] == values


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("There is nothing.", "holds no JSON object"),
        ("", "holds no JSON object"),
        ("[1, 2]", "holds no JSON object"),
        ("[]", "holds no JSON object"),
        ("[" * 100_000, "holds no JSON object"),
        ('{"a\\"; drop table runs; --": 1}', "not a valid column name"),
        ('{"' + "a" * 64 + '": 1}', "not a valid column name"),
        (json.dumps({f"k{number}": 1 for number in range(80)}), "more than 64 keys"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "more than 16 levels"),
        (json.dumps([{"a": 1}] * 1001), "more than 1000 rows"),
        (json.dumps({"a": "x" * 100_001}), "longer than 100,000 characters"),
        ("x" * 1_000_001, "longer than 1,000,000 characters"),
    ],
)
def test_value_that_no_table_can_take_is_refused(answer: str, reason: str) -> None:
    with pytest.raises(ActFailed, match=reason):
        rows_in(answer, FREE)


def test_a_template_decides_which_keys_count() -> None:
    schema = Schema("posts", "wanted", {"title": "text", "n": "number"})
    (row,) = rows_in('{"title": "x", "other": 1, "tags": ["a", 1], "rating": 9}', schema)
    assert (row.values, row.tags, row.rating) == ({"title": "x"}, ("a",), None)
    assert "- title: text\n- n: a number\n```json\n[{" in schema.note


def test_columns_follow_the_values() -> None:
    rows = rows_in('[{"a": 1, "b": "x", "c": true, "d": {}, "e": null}, {"a": 2.5, "b": 1, "d": [1]}]', FREE)
    assert columns_of(rows) == {"a": "number", "b": "text", "c": "boolean", "d": "json", "e": "text"}
    types = ("BIGINT", "VARCHAR(20)", "TIMESTAMP", "DATE", "JSONB", "TEXT[]", "INTEGER[]", "UUID")
    assert [kind_of_type(type_) for type_ in types] == [
        "number",
        "text",
        "timestamp",
        "date",
        "json",
        "json",
        "json",
        "text",
    ]


def test_rows_as_text() -> None:
    rows = jsonable([{"n": Decimal("3"), "x": Decimal("2.5"), "at": datetime(2026, 1, 2, tzinfo=UTC), "t": 'a|"b"\nc'}])
    assert rows == [{"n": 3, "x": 2.5, "at": "2026-01-02T00:00:00+00:00", "t": 'a|"b"\nc'}]
    query = TableInput(table_name="t", alias="latest")
    assert format_rows(query, rows).startswith('latest:\n[{"n": 3, "x": 2.5')
    markdown = query.model_copy(update={"format": "markdown", "alias": None})
    assert format_rows(markdown, rows).splitlines()[2] == '| 3 | 2.5 | 2026-01-02T00:00:00+00:00 | a\\|"b" c |'
    csv = query.model_copy(update={"format": "csv", "alias": None})
    assert format_rows(csv, rows) == 'n,x,at,t\n3,2.5,2026-01-02T00:00:00+00:00,"a|""b""\nc"'
    assert format_rows(csv, []) == "(no rows)"
