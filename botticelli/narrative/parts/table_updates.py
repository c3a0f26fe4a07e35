"""Reads the command `update_table` of a narrative: which rows of which table get which values. Changes no row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from botticelli.narrative.language.keys import MAX_ROWS, TABLE_NAME
from botticelli.narrative.model import AllOf, AnyOf, Constant, Filter, NestedArguments, Not, Template, Value
from botticelli.narrative.templates.row_filter import COLUMN, COLUMN_WORDS, Refused, parse_where

_ARGUMENTS = ("table_name", "where_clause", "updates", "limit")


@dataclass(frozen=True, slots=True)
class TableUpdate:
    """Describes an update of rows. `limit` is the greatest number of rows; None: every row that matches."""

    table_name: str
    where: Filter
    values: Mapping[str, Value]
    limit: int | None


def read_update(args: Mapping[str, Value]) -> TableUpdate:
    """Read the arguments of `update_table`. Raises Refused.

    References stay in place: they are filled in as values, never as a part of the filter.
    """
    unknown = sorted(args.keys() - {*_ARGUMENTS, "where"})
    if unknown:
        raise Refused(f"update_table has no argument {unknown[0]}; it has {', '.join(_ARGUMENTS)}")
    where = args.get("where_clause", args.get("where"))
    if not isinstance(where, Template) or not where.parts:
        raise Refused("update_table needs where_clause, a text that says which rows to change")
    limit = args.get("limit")
    if limit is not None and (type(limit) is not int or not 1 <= limit <= MAX_ROWS):
        raise Refused(f"limit must be a whole number from 1 to {MAX_ROWS}")
    filter_ = parse_where(where)
    if _has_constant(filter_):
        raise Refused("where_clause of update_table must compare columns; a constant such as 1 = 1 may match every row")
    return TableUpdate(_table(args.get("table_name")), filter_, _values(args.get("updates")), limit)


def _has_constant(filter_: Filter) -> bool:
    match filter_:
        case Constant():
            return True
        case AllOf() | AnyOf():
            return any(map(_has_constant, filter_.parts))
        case Not():
            return _has_constant(filter_.part)
        case _:
            return False


def _table(written: Value | None) -> str:
    if isinstance(written, Template) and not written.references:
        name = "".join(str(part) for part in written.parts)
        if TABLE_NAME.accepts(name):
            return name
    raise Refused(f"table_name must be {TABLE_NAME.words}, written out")


def _values(written: Value | None) -> Mapping[str, Value]:
    if not isinstance(written, NestedArguments) or not written.table:
        raise Refused("update_table needs updates, a table of columns and their new values")
    for column in written.table:
        if not COLUMN.fullmatch(column):
            raise Refused(f"{column[:60]} is not {COLUMN_WORDS}")
    return written.table
