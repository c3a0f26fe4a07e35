"""Turns conditions on the rows of a table into SQL with bound values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Interval,
    String,
    and_,
    bindparam,
    cast,
    column,
    false,
    func,
    not_,
    or_,
    true,
)

from botticelli.untrusted.storable import storable


@dataclass(frozen=True, slots=True)
class Instant:
    """A time: `now` or `today` on the server's clock, or a date or time in ISO 8601; `offset` is a Postgres interval."""

    base: str
    offset: str = ""


@dataclass(frozen=True, slots=True)
class Other:
    """Another column of the same row."""

    name: str


Operand = str | Instant | Other


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison, `column op values`. Postgres parses texts as the type of the column."""

    __test__ = False  # no test case for pytest

    column: str
    op: str
    values: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class Junction:
    """All of the parts (and), or any of them (or)."""

    parts: tuple[Condition, ...]
    is_any: bool = False


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite of its part (not)."""

    part: Condition


Condition = Test | Junction | Negation

_OPS: Mapping[str, Callable[[ColumnElement[Any], list[Any]], ColumnElement[bool]]] = {
    "=": lambda operand, values: operand == values[0],
    "!=": lambda operand, values: operand != values[0],
    "<": lambda operand, values: operand < values[0],
    "<=": lambda operand, values: operand <= values[0],
    ">": lambda operand, values: operand > values[0],
    ">=": lambda operand, values: operand >= values[0],
    "in": lambda operand, values: operand.in_(values) if values else false(),
    "between": lambda operand, values: operand.between(*values),
    "like": lambda operand, values: operand.like(values[0]),
    "ilike": lambda operand, values: operand.ilike(values[0]),
    "is_null": lambda operand, values: operand.is_(None),  # noqa: ARG005 (called as its peers are)
}


def columns_of(condition: Condition | None) -> set[str]:
    """Return the names of all columns in the condition."""
    match condition:
        case Test():
            return {condition.column, *(value.name for value in condition.values if isinstance(value, Other))}
        case Junction():
            return set().union(*(columns_of(part) for part in condition.parts))
        case Negation():
            return columns_of(condition.part)
        case _:
            return set()


def clause(condition: Condition | None) -> ColumnElement[bool]:
    """Express the condition in SQL; None means every row."""
    match condition:
        case Test():
            return _OPS[condition.op](column(condition.column), [_operand(value) for value in condition.values])
        case Junction():
            parts = [clause(part) for part in condition.parts]
            return or_(false(), *parts) if condition.is_any else and_(true(), *parts)
        case Negation():
            return not_(clause(condition.part))
        case _:
            return true()


def _operand(value: Operand) -> ColumnElement[Any]:
    match value:
        case Instant():
            moments: Mapping[str, ColumnElement[Any]] = {"now": func.now(), "today": func.current_date()}
            base = moments.get(value.base)
            moment = cast(_text(value.base), DateTime()) if base is None else base
            return moment.op("+")(cast(_text(value.offset), Interval())) if value.offset else moment
        case Other():
            return column(value.name)
        case _:
            return _text(value)


def _text(value: str) -> ColumnElement[Any]:
    return bindparam(None, storable(value), type_=String())
