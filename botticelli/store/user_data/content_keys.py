"""Deletes the content rows of earlier runs that are about the same rows, so that a further run updates and never doubles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, or_, select, text

from botticelli.store.schema.sql_errors import as_invalid_input
from botticelli.store.user_data.content_values import typed

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """The narrative, run, act and model that generated rows."""

    narrative: str
    run: str
    act: str
    model: str | None
    rehearsed: bool = False
    """True for rows of a rehearsal, which have the status `rehearsed` and are invisible to real runs."""
    flagged: bool = False
    """True for rows that the gate of their act did not accept, which have the status `flagged`."""


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """A content table with the columns that name a row in it; `kinds` maps columns to types."""

    table: Table
    kinds: Mapping[str, str]
    names: tuple[str, ...]

    def holds(self, values: Key) -> ColumnElement[bool]:
        pairs = zip(self.names, values, strict=True)
        return and_(*(self.table.c[name].is_not_distinct_from(typed(self.kinds[name], value)) for name, value in pairs))


def delete_keys(connection: Connection, columns: KeyColumns, origin: Origin, keys: set[Key]) -> None:
    """Delete what the same act of the narrative has stored for these keys in other runs.

    Two transactions with the same key wait for each other. A rehearsal deletes rehearsed rows only.
    """
    table = columns.table
    _ensure_index(connection, table, columns.names)
    for lock in sorted(json.dumps([table.name, key], default=str) for key in keys):
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(lock, 1))))
    is_rehearsed = table.c.review_status == "rehearsed"
    query = delete(table).where(
        table.c.source_narrative == origin.narrative,
        table.c.source_act == origin.act,
        table.c.source_run != origin.run,
        is_rehearsed if origin.rehearsed else ~is_rehearsed,
        or_(*map(columns.holds, sorted(keys, key=repr))),
    )
    with as_invalid_input(table.name, "use a key whose values fit its columns"):
        connection.execute(query)


def _ensure_index(connection: Connection, table: Table, key: Sequence[str]) -> None:
    """Create the index that finds a key; `create index if not exists` would lock the table each time."""
    digest = hashlib.sha256("\0".join([table.name, *key]).encode()).hexdigest()[:16]
    name = f"ix_key_{digest}"
    if connection.execute(select(func.to_regclass(f"{table.schema}.{name}"))).scalar_one() is not None:
        return
    lock = func.hashtextextended(f"{table.schema}.{table.name}", 0)
    connection.execute(select(func.pg_advisory_xact_lock(lock)))
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(column) for column in key)
    connection.execute(text(f"create index if not exists {name} on {table.schema}.{quote(table.name)} ({columns})"))
