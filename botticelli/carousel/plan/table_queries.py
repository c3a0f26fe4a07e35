"""Builds queries and filters of table inputs with their values, for the store to run."""

from __future__ import annotations

from botticelli.narrative import as_text, render_value
from botticelli.narrative.model import (
    AllOf,
    AnyOf,
    Comparison,
    Constant,
    Filter,
    Not,
    OtherColumn,
    PointInTime,
    TableInput,
)
from botticelli.narrative.templates.template import Resolve
from botticelli.store.user_data.row_conditions import Condition, Instant, Junction, Negation, Operand, Other, Test
from botticelli.store.user_data.user_tables import Query


def query_of(input_: TableInput, resolve: Resolve) -> Query:
    """Build the query of a table input; `resolve` gives the values that its filter refers to."""
    return Query(
        table=input_.table_name,
        columns=input_.columns,
        where=condition_of(input_.where, resolve) if input_.where else None,
        order_by=tuple((order.column, order.descending) for order in input_.order_by),
        limit=input_.limit,
        offset=input_.offset,
        sample=input_.sample,
    )


def condition_of(filter_: Filter, resolve: Resolve) -> Condition:
    """Build the condition of a filter. Values are bound as data and never parsed as a part of the filter."""
    match filter_:
        case Comparison():
            return Test(filter_.column, filter_.op, _values(filter_, resolve))
        case Constant():
            return Junction((), is_any=not filter_.holds)
        case AllOf() | AnyOf():
            parts = tuple(condition_of(part, resolve) for part in filter_.parts)
            return Junction(parts, is_any=isinstance(filter_, AnyOf))
        case Not():
            return Negation(condition_of(filter_.part, resolve))


def _values(comparison: Comparison, resolve: Resolve) -> tuple[Operand, ...]:
    """Return the values of a comparison.

    Values are texts, except those that only the database knows. In the place of many values, a reference to a list stands
    for its members.
    """
    values: list[Operand] = []
    for operand in comparison.values:
        if isinstance(operand, PointInTime):
            values.append(Instant(operand.base, operand.offset))
            continue
        if isinstance(operand, OtherColumn):
            values.append(Other(operand.name))
            continue
        value = render_value(operand, resolve)
        many = value if isinstance(value, list) and comparison.op == "in" else [value]
        values += [as_text(item) for item in many]
    return tuple(values)
