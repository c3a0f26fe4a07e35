"""Creates content tables on first use, lists them in a registry, and fills them in the act's own transaction.

They have a separate schema, so that none can be mistaken for a table of Botticelli or of the user.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Identity,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    func,
    insert,
    select,
    text,
    update,
)

from botticelli.errors import InvalidInput
from botticelli.store.schema.sql_errors import as_invalid_input
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import content_tables
from botticelli.store.user_data.content_keys import KeyColumns, Origin, delete_keys
from botticelli.store.user_data.content_values import TYPES, typed
from botticelli.untrusted.storable import storable

SCHEMA = "botticelli_content"
MAX_COLUMNS = 64
REHEARSED = "rehearsed"
"""Review status of rows that a rehearsal has generated."""
FLAGGED = "flagged"
"""Review status of rows that the gate of their act did not accept."""
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
BOOKKEEPING = (
    "id",
    "source_narrative",
    "source_run",
    "source_act",
    "generation_model",
    "review_status",
    "tags",
    "rating",
    "generated_at",
)
_ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class ContentTable:
    """A row of the registry. `columns` maps the names of the content's columns, without bookkeeping ones, to types."""

    name: str
    columns: Mapping[str, str]
    template: str | None
    narrative: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to add. `values` maps columns to any JSON; `tags` and `rating` were generated with the row."""

    values: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    rating: int | None = None


def table_of(name: str, columns: Mapping[str, str]) -> Table:
    """Describe a content table for SQLAlchemy; the caller has checked the names."""
    return Table(
        name,
        MetaData(),
        Column("id", BigInteger, Identity(), primary_key=True),
        *(Column(column, TYPES[kind]) for column, kind in columns.items()),
        Column("source_narrative", Text, nullable=False),
        Column("source_run", Text, nullable=False),
        Column("source_act", Text, nullable=False),
        Column("generation_model", Text),
        Column("review_status", Text, nullable=False, server_default="pending"),
        Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
        Column("rating", Integer),
        Column("generated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        schema=SCHEMA,
    )


class Content:
    """Keeps the registry of content tables, and adds rows to them, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tables(self) -> list[ContentTable]:
        """List the content tables by name."""
        query = select(content_tables).order_by(content_tables.c.name)
        return [_table(row) for row in self._connection.execute(query).mappings()]

    def get(self, name: str) -> ContentTable | None:
        row = self._connection.execute(select(content_tables).where(content_tables.c.name == name)).mappings().first()
        return _table(row) if row else None

    def add(
        self,
        name: str,
        rows: Sequence[NewRow],
        origin: Origin,
        *,
        template: str | None,
        columns: Mapping[str, str],
        key: Sequence[str] = (),
    ) -> list[int]:
        """Add rows and return their ids.

        With `key`, rows that the same act of the narrative has stored with the same values in these columns are deleted.

        `columns` are those that the rows need: a missing table is created with them, and an existing one without a
        template gets the missing ones. Raises InvalidInput for too many columns and for values that don't fit.
        """
        target = self._fit(name, columns, template, origin.narrative)
        table = table_of(name, target.columns)
        if key:
            keys = {tuple(row.values.get(column) for column in key) for row in rows}
            delete_keys(self._connection, KeyColumns(table, target.columns, tuple(key)), origin, keys)
        values = [_columns_of(row, target.columns, origin) for row in rows]
        ids: list[int] = []
        for start in range(0, len(values), _ROWS_AT_ONCE):
            query = insert(table).values(values[start : start + _ROWS_AT_ONCE]).returning(table.c.id)
            with as_invalid_input(name, "ask the model for values that fit its columns"):
                ids += self._connection.execute(query).scalars()
        return ids

    def drop(self, name: str) -> None:
        """Drop a table with all its rows."""
        table_of(name, {}).drop(self._connection)
        self._connection.execute(content_tables.delete().where(content_tables.c.name == name))

    def _fit(self, name: str, columns: Mapping[str, str], template: str | None, narrative: str) -> ContentTable:
        """Create or extend the table so that it has all columns; nothing is locked when it has them already."""
        table = self.get(name)
        if table is None or (table.template is None and columns.keys() - table.columns.keys()):
            self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{SCHEMA}.{name}", 0))))
            table = self.get(name)
        if table is None:
            return self._create(name, columns, template, narrative)
        missing = {column: kind for column, kind in columns.items() if column not in table.columns}
        if table.template is not None or not missing:
            return table
        return self._extend(table, missing)

    def _create(self, name: str, columns: Mapping[str, str], template: str | None, narrative: str) -> ContentTable:
        _check(name, columns)
        table_of(name, columns).create(self._connection)
        self._connection.execute(statement("guard_content"), {"name": name})
        values = {"name": name, "columns": list(columns.items()), "template": template, "narrative": narrative}
        row = self._connection.execute(insert(content_tables).values(values).returning(content_tables)).mappings()
        return _table(row.one())

    def _extend(self, table: ContentTable, missing: Mapping[str, str]) -> ContentTable:
        columns = {**table.columns, **missing}
        _check(table.name, columns)
        quote, dialect = self._connection.dialect.identifier_preparer.quote, self._connection.dialect
        for column, kind in missing.items():
            change = f"{SCHEMA}.{quote(table.name)} add column {quote(column)} {TYPES[kind].compile(dialect)}"
            self._connection.execute(text(f"alter table {change}"))
        query = update(content_tables).where(content_tables.c.name == table.name)
        query = query.values(columns=list(columns.items()))
        row = self._connection.execute(query.returning(content_tables)).mappings()
        return _table(row.one())


def _columns_of(row: NewRow, kinds: Mapping[str, str], origin: Origin) -> dict[str, Any]:
    values = {column: typed(kind, row.values.get(column)) for column, kind in kinds.items()}
    values |= {
        "source_narrative": origin.narrative,
        "source_run": origin.run,
        "source_act": origin.act,
        "generation_model": origin.model,
        "tags": list(storable(list(row.tags))),
        "rating": row.rating,
    }
    if origin.rehearsed or origin.flagged:
        values["review_status"] = REHEARSED if origin.rehearsed else FLAGGED
    return values


def _table(row: RowMapping) -> ContentTable:
    return ContentTable(**{**row, "columns": dict(row["columns"])})


def _check(name: str, columns: Mapping[str, str]) -> None:
    for identifier in (name, *columns):
        if not NAME.fullmatch(identifier):
            raise InvalidInput(f"{identifier[:80]!r} can't be the name of a table or column", do="use a-z, 0-9 and _")
    if len(columns) > MAX_COLUMNS:
        raise InvalidInput(f"content table {name} would have more than {MAX_COLUMNS} columns", do="ask for fewer keys")
