"""Content tables: made on first use, listed in a registry, filled in the act's own transaction. Finds no JSON in texts.

They have a schema of their own, so that none can be mistaken for a table of ours or of the user.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Identity,
    Integer,
    MetaData,
    Numeric,
    RowMapping,
    Table,
    Text,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from botticelli.errors import InvalidInput
from botticelli.store.schema.sql_errors import in_plain_words
from botticelli.store.schema.tables import content_tables
from botticelli.untrusted.storable import storable

SCHEMA = "botticelli_content"
MAX_COLUMNS = 64
REHEARSED = "rehearsed"
"""The review status of rows that a rehearsal has generated."""
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
TYPES: Mapping[str, TypeEngine[Any]] = {
    "text": Text(),
    "number": Numeric(),
    "boolean": Boolean(),
    "timestamp": DateTime(timezone=True),
    "date": Date(),
    "json": JSONB(),
}
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
    """A row of the registry. `columns` are its own, by name with their types, beside the bookkeeping ones."""

    name: str
    columns: Mapping[str, str]
    template: str | None
    narrative: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from."""

    narrative: str
    run: str
    act: str
    model: str | None
    rehearsed: bool = False
    """Rows of a rehearsal are no content: they have a status of their own, and real runs don't see them."""


@dataclass(frozen=True, slots=True)
class NewRow:
    """`values` by column, each any JSON. `tags` and `rating` are what the row says about itself."""

    values: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    rating: int | None = None


def table_of(name: str, columns: Mapping[str, str]) -> Table:
    """A content table for SQLAlchemy. The names have been checked."""
    return Table(
        name,
        MetaData(),
        Column("id", BigInteger, Identity(), primary_key=True),
        *(Column(one, TYPES[kind]) for one, kind in columns.items()),
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
    """The registry of content tables and what is stored in them, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tables(self) -> list[ContentTable]:
        """By name."""
        query = select(content_tables).order_by(content_tables.c.name)
        return [_table(row) for row in self._connection.execute(query).mappings()]

    def get(self, name: str) -> ContentTable | None:
        row = self._connection.execute(select(content_tables).where(content_tables.c.name == name)).mappings().first()
        return _table(row) if row else None

    def add(
        self, name: str, rows: Sequence[NewRow], origin: Origin, *, template: str | None, columns: Mapping[str, str]
    ) -> list[int]:
        """Add rows, and return their ids.

        The ids of the new rows. `columns` are what the rows need: a table that isn't there is made with them, one
        without a template gets those that it lacks. InvalidInput for too many columns and for what no column takes.
        """
        found = self._fitted(name, columns, template, origin.narrative)
        table = table_of(name, found.columns)
        own = {
            "source_narrative": origin.narrative,
            "source_run": origin.run,
            "source_act": origin.act,
            "generation_model": origin.model,
        }
        if origin.rehearsed:
            own["review_status"] = REHEARSED
        values = [
            {one: _typed(kind, row.values.get(one)) for one, kind in found.columns.items()}
            | own
            | {"tags": list(storable(list(row.tags))), "rating": row.rating}
            for row in rows
        ]
        ids: list[int] = []
        for start in range(0, len(values), _ROWS_AT_ONCE):
            query = insert(table).values(values[start : start + _ROWS_AT_ONCE]).returning(table.c.id)
            with in_plain_words(name, "ask for values that its columns take"):
                ids += self._connection.execute(query).scalars()
        return ids

    def drop(self, name: str) -> None:
        """The table and all its rows."""
        table_of(name, {}).drop(self._connection)
        self._connection.execute(content_tables.delete().where(content_tables.c.name == name))

    def _fitted(self, name: str, columns: Mapping[str, str], template: str | None, narrative: str) -> ContentTable:
        """The table with all columns that are needed; nothing is locked when it has them already."""
        found = self.get(name)
        if found is None or (found.template is None and columns.keys() - found.columns.keys()):
            self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{SCHEMA}.{name}", 0))))
            found = self.get(name)
        if found is None:
            return self._made(name, columns, template, narrative)
        lacking = {one: kind for one, kind in columns.items() if one not in found.columns}
        if found.template is not None or not lacking:
            return found
        return self._widened(found, lacking)

    def _made(self, name: str, columns: Mapping[str, str], template: str | None, narrative: str) -> ContentTable:
        _check(name, columns)
        table_of(name, columns).create(self._connection)
        values = {"name": name, "columns": list(columns.items()), "template": template, "narrative": narrative}
        row = self._connection.execute(insert(content_tables).values(values).returning(content_tables)).mappings()
        return _table(row.one())

    def _widened(self, found: ContentTable, lacking: Mapping[str, str]) -> ContentTable:
        columns = {**found.columns, **lacking}
        _check(found.name, columns)
        quote, dialect = self._connection.dialect.identifier_preparer.quote, self._connection.dialect
        for one, kind in lacking.items():
            words = f"{SCHEMA}.{quote(found.name)} add column {quote(one)} {TYPES[kind].compile(dialect)}"
            self._connection.execute(text(f"alter table {words}"))
        changed = (
            update(content_tables).where(content_tables.c.name == found.name).values(columns=list(columns.items()))
        )
        row = self._connection.execute(changed.returning(content_tables)).mappings()
        return _table(row.one())


def _table(row: RowMapping) -> ContentTable:
    return ContentTable(**{**row, "columns": dict(row["columns"])})


def _check(name: str, columns: Mapping[str, str]) -> None:
    for one in (name, *columns):
        if not NAME.fullmatch(one):
            raise InvalidInput(f"{one[:80]!r} can't be the name of a table or column", do="use a-z, 0-9 and _")
    if len(columns) > MAX_COLUMNS:
        raise InvalidInput(f"content table {name} would have more than {MAX_COLUMNS} columns", do="ask for fewer keys")


def _typed(kind: str, value: Any) -> Any:
    """A JSON value as Postgres is to read it: it decides whether it fits the column."""
    if value is None:
        return null()
    if kind == "json":
        return storable(value)
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cast(literal(storable(plain), Text()), TYPES[kind])
