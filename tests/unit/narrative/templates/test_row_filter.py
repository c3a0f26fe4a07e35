"""Tests that a `where` becomes a filter of columns and values, and that any other SQL is refused at load."""

from __future__ import annotations

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Environment, Narrative, parse_narrative
from botticelli.narrative.model import (
    AllOf,
    AnyOf,
    Comparison,
    Constant,
    Not,
    OtherColumn,
    PointInTime,
    TableInput,
    Template,
)
from botticelli.narrative.templates.row_filter import Refused, parse_where

HOSTILE = """\
a = (select 1)
exists(select 1)
a in (select 1)
a in (1, (select 2))
length(a)=3
a = lower('x')
a::text = 'x'
a = 'x'::text
cast(a as text)='x'
a = 1; drop table x
a = ''; drop table runs; --'
a = 1 -- c
a /* c */ = 1
a = $$x$$
a = $x$y$x$
a = E'\\x27'
a = U&'\\0027'
a = B'1'
a = X'1f'
a = N'x'
a ~ 'x'
a ~* '(a+)+$'
a similar to 'x'
a rlike 'x'
a like 'x' escape '!'
a = current_user
a = pg_sleep(1)
a = 1 or sleep(5)
t.a = 1
pg_catalog.x.a = 1
a = 1 union select 1
a = any(array[1])
a || 'x' = 'y'
a = 1 + 1
a is distinct from 1
a = null
a between 1 and (select 1)
a between symmetric 1 and 2
case when a then b end = 1
a = @x
a = :x
a = ?
a = %s
a = $1
a ->> 'x' = '1'
a @> 'x'
a[1] = 2
'x' = '{y}' = 'x'
a
(a,b) = (1,2)
row(a) = 1
a = 1 limit 1
a = 1 for update
a = 1 into outfile 'x'
a collate "C" = 'x'
a at time zone 'x' = 1
a = interval '1 day'
a = 'x' 'y'
a in ()
a = 1 = 2
"A""b" = 1
a = 'x
a = default
a = 1e400
* = 1
NULL
now()
current_date
current_user
*
[]
()
{}
1
'x'
-1
a.b.c
$1
:x
?
not null
array[]
rand()
a = []
a = ()
NULL = NULL
1 = 'x'
a > now() - 5
a > now() - interval 'x'
a > b - interval '1 day'
a > date '2024'
a > now(3)""".splitlines()


@pytest.mark.parametrize(
    "text", [*HOSTILE, "", "(" * 2000 + "a=1" + ")" * 2000, "not " * 500 + "a=1", "a = 1 and " * 400 + "b=2"]
)
def test_text_that_is_not_a_filter_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_where(Template(parts=(text,)))


def test_filter_is_a_tree_of_comparisons() -> None:
    tree = parse_where(Template(parts=("Status = 'it''s; -- ok' AND NOT (n NOT IN (1, -2.5) OR t IS NOT NULL)",)))
    assert tree == AllOf(
        parts=(
            Comparison(column="status", op="=", values=(Template(parts=("it's; -- ok",)),)),
            Not(
                part=AnyOf(
                    parts=(
                        Not(part=Comparison(column="n", op="in", values=(1, -2.5))),
                        Not(part=Comparison(column="t", op="is_null")),
                    )
                )
            ),
        )
    )


@pytest.mark.parametrize(
    ("text", "holds"),
    [("1 = 1", True), ("1=0", False), ("1 <> 1", False), ("2 >= 1.5", True), ("'a' = 'a'", True), ("TRUE", True)],
)
def test_comparison_of_constants_is_a_constant(text: str, holds: bool) -> None:
    assert parse_where(Template(parts=(text,))) == Constant(holds=holds)


@pytest.mark.parametrize(
    ("text", "op", "value"),
    [
        ("a > NOW()", ">", PointInTime(base="now")),
        ("a = CURRENT_TIMESTAMP", "=", PointInTime(base="now")),
        ("a > CURRENT_TIMESTAMP - INTERVAL '7 DAYS'", ">", PointInTime(base="now", offset="-7 days")),
        ("NOW() < a", ">", PointInTime(base="now")),
        ("a >= current_date - 7", ">=", PointInTime(base="today", offset="-7 days")),
        ("a < now() + interval '1 month 2 days'", "<", PointInTime(base="now", offset="1 month 2 days")),
        ("a < now() - interval '1 day' * 3", "<", PointInTime(base="now", offset="-3 day")),
        ("a < date '2026-01-31' - interval '1 hour'", "<", PointInTime(base="2026-01-31", offset="-1 hour")),
        ("a < timestamp '2026-01-31 10:00'", "<", Template(parts=("2026-01-31 10:00",))),
        ("a < b", "<", OtherColumn(name="b")),
    ],
)
def test_moment_or_column_on_the_right_is_a_value(text: str, op: str, value: object) -> None:
    comparison = parse_where(Template(parts=(text,)))
    assert isinstance(comparison, Comparison)
    assert (comparison.column, comparison.op, comparison.values) == ("a", op, (value,))


def test_moments_and_constants_survive_the_snapshot() -> None:
    where = query("where = \"a > NOW() - INTERVAL '7 days' AND b < c AND 1 = 1\"").where
    assert where == AllOf(
        parts=(
            Comparison(column="a", op=">", values=(PointInTime(base="now", offset="-7 days"),)),
            Comparison(column="b", op="<", values=(OtherColumn(name="c"),)),
            Constant(holds=True),
        )
    )


def test_refused_condition_is_a_problem_at_its_key() -> None:
    with pytest.raises(NarrativeError) as caught:
        query('where = "NULL"')
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (5, "where")
    assert "NULL is not a condition" in problem.message


def query(keys: str) -> TableInput:
    text = f'[acts]\na = ["Sum up.", "tables.t"]\n[tables.t]\ntable_name = "posts"\n{keys}\n'
    loaded = parse_narrative(text, source="story.toml", folder=None, environment=Environment())
    again = Narrative.model_validate(loaded.narrative.snapshot())
    input_ = again.acts[0].inputs[1]
    assert isinstance(input_, TableInput)
    return input_


def test_references_with_and_without_quotes_are_values() -> None:
    where = query("where = \"a = 'x{state.k}y' and b in ({var.n}, '{var.m}') and c between 1 and {iteration}\"").where
    assert isinstance(where, AllOf)
    first, second, third = where.parts
    assert isinstance(first, Comparison) and isinstance(second, Comparison) and isinstance(third, Comparison)
    assert isinstance(first.values[0], Template)
    assert [str(part) if isinstance(part, str) else part.name for part in first.values[0].parts] == ["x", "k", "y"]
    assert [value.references[0].name for value in second.values if isinstance(value, Template)] == ["n", "m"]
    assert third.values[0] == 1


def test_every_key_of_a_table_query_is_read() -> None:
    table = query(
        'columns = ["id", "title"]\nwhere_clause = "a = 1"\norder_by = "title desc, id"\nlimit = 5\noffset = 2\n'
        'sample = true\nformat = "csv"\nalias = "recent"\npull_and_delete = true\n'
        '[[tables.t.filter]]\ncolumn = "b"\nop = "not in"\nvalue = ["x", 1]\n'
        '[[tables.t.filter]]\ncolumn = "c"\nop = "is_not_null"'
    )
    assert (table.columns, table.limit, table.offset, table.sample) == (("id", "title"), 5, 2, 5)
    assert [(order.column, order.descending) for order in table.order_by] == [("title", True), ("id", False)]
    assert (table.format, table.alias, table.pull_and_delete) == ("csv", "recent", True)
    assert isinstance(table.where, AllOf) and len(table.where.parts) == 3


def test_hostile_where_is_a_problem_at_its_line() -> None:
    with pytest.raises(
        NarrativeError, match=r"^story.toml:5:1: \[tables.t\] where: .* is not a value; compare a column"
    ):
        query('where = "a = (select rolname from pg_authid)"')


@pytest.mark.parametrize("where", ["try(a)", "a = try(b)", "try_cast(a as int) = 1", "a qualify 1", "pivot(a)"])
def test_filter_that_postgres_lacks_is_refused_without_a_further_line(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Refused):
        parse_where(Template(parts=(where,)))
    assert caplog.records == []
