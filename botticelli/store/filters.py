"""Which rows of a table are meant, as a condition with bound values. Knows no table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, and_, bindparam, column, false, not_, or_, true

from botticelli.storable import storable


@dataclass(frozen=True, slots=True)
class Test:
    """`column op values`. Values are texts, which Postgres reads as the type of the column."""

    __test__ = False  # no test case for pytest

    column: str
    op: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Junction:
    """All of the parts, or any of them."""

    parts: tuple[Condition, ...]
    is_any: bool = False


@dataclass(frozen=True, slots=True)
class Negation:
    part: Condition


Condition = Test | Junction | Negation

_OPS: Mapping[str, Callable[[ColumnElement[Any], list[Any]], ColumnElement[bool]]] = {
    "=": lambda one, values: one == values[0],
    "!=": lambda one, values: one != values[0],
    "<": lambda one, values: one < values[0],
    "<=": lambda one, values: one <= values[0],
    ">": lambda one, values: one > values[0],
    ">=": lambda one, values: one >= values[0],
    "in": lambda one, values: one.in_(values) if values else false(),
    "between": lambda one, values: one.between(*values),
    "like": lambda one, values: one.like(values[0]),
    "ilike": lambda one, values: one.ilike(values[0]),
    "is_null": lambda one, values: one.is_(None),
}


def columns_of(condition: Condition | None) -> set[str]:
    """The names that the condition needs."""
    match condition:
        case Test():
            return {condition.column}
        case Junction():
            return set().union(*(columns_of(part) for part in condition.parts))
        case Negation():
            return columns_of(condition.part)
        case _:
            return set()


def clause(condition: Condition | None) -> ColumnElement[bool]:
    """The condition for a statement; none means every row."""
    match condition:
        case Test():
            values = [bindparam(None, storable(one), type_=String()) for one in condition.values]
            return _OPS[condition.op](column(condition.column), values)
        case Junction():
            parts = [clause(part) for part in condition.parts]
            return or_(false(), *parts) if condition.is_any else and_(true(), *parts)
        case Negation():
            return not_(clause(condition.part))
        case _:
            return true()
