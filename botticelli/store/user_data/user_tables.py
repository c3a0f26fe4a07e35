"""Reads, changes and removes rows of the tables that narratives may see.

Protection: names are looked up before they stand in a statement; values are bound; reads are read-only, limited in
time, and run as a role that sees nothing else where such a role could be created.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    column,
    delete,
    func,
    inspect,
    literal_column,
    select,
    table,
    text,
    true,
    update,
)
from sqlalchemy import (
    cast as sql_cast,
)
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql.expression import TableClause

from botticelli.errors import InvalidInput
from botticelli.store.schema.sql_errors import as_invalid_input
from botticelli.store.schema.tables import metadata
from botticelli.store.user_data.content_tables import REHEARSED, SCHEMA, Content
from botticelli.store.user_data.row_conditions import Condition, clause, columns_of
from botticelli.untrusted.storable import storable

READER = "botticelli_reader"
STREAMED_ROWS = 1000
"""Rows that are fetched at once when all rows of a table are read."""
_CHECK = "check its where, order_by and values"


@dataclass(frozen=True, slots=True)
class Query:
    """A query of one table. Without `columns`, all are read; `sample` rows are chosen at random instead of by order."""

    table: str
    columns: tuple[str, ...] = ()
    where: Condition | None = None
    order_by: tuple[tuple[str, bool], ...] = ()
    """Columns to order by, each with whether the order is descending."""
    limit: int = 10
    offset: int = 0
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class ReadableTable:
    """A table that may be read. `columns` maps names to types as Postgres writes them."""

    schema: str | None
    name: str
    columns: Mapping[str, str]

    @property
    def clause(self) -> TableClause:
        return table(self.name, *(column(name) for name in self.columns), schema=self.schema)


class Tables:
    """Reads and changes content tables and the tables of the settings, within one transaction.

    `allow` and `write` are those of `[tables]`. Rows that rehearsals have generated are visible only to rehearsals.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        allow: Collection[str],
        write: Collection[str] = (),
        rehearse: bool = False,
    ) -> None:
        self._connection = connection
        self._rehearse = rehearse
        self._allow = {*allow, *write}
        self._write = write

    def names(self) -> list[str]:
        """List the names of all tables that may be read."""
        return sorted({*(table.name for table in Content(self._connection).tables()), *self._allow})

    def find(self, name: str, *, to_write: bool = False) -> ReadableTable | None:
        """Find the table that a narrative calls `name`: a content table, else one that the settings allow.

        None when it doesn't exist or isn't allowed, and for Botticelli's own tables.
        """
        schema, _, plain = name.rpartition(".")
        if schema in ("", SCHEMA) and Content(self._connection).get(plain) is not None:
            return self._readable(SCHEMA, plain)
        is_ours = plain in metadata.tables or plain == "alembic_version"
        if name not in (self._write if to_write else self._allow) or is_ours:
            return None
        return self._readable(schema or None, plain)

    def read(self, query: Query) -> list[dict[str, Any]]:
        """Read rows. Raises InvalidInput for an unknown table or column, and for values that Postgres rejects."""
        readable = self._known(query, to_write=False)
        with as_invalid_input(query.table, _CHECK):
            self._take_role(readable)
            rows = self._connection.execute(self._select(readable, query)).mappings()
            return [dict(row) for row in rows]

    def stream(self, query: Query, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield the rows of a query, all of one snapshot, without holding them; `limit` replaces the query's own."""
        readable = self._known(query, to_write=False)
        with as_invalid_input(query.table, _CHECK):
            self._take_role(readable)
            chosen = self._select(readable, query).limit(limit)
            options = {"stream_results": True, "yield_per": STREAMED_ROWS}
            for row in self._connection.execute(chosen, execution_options=options).mappings():
                yield dict(row)

    def pull(self, query: Query) -> list[dict[str, Any]]:
        """Read rows and delete them in this transaction; rows that another transaction is pulling are skipped."""
        readable = self._known(query, to_write=True)
        place: ColumnElement[str] = sql_cast(literal_column("ctid"), Text)
        with as_invalid_input(query.table, _CHECK):
            picked = self._select(readable, query).add_columns(place.label("ctid"))
            rows = [dict(row) for row in self._connection.execute(picked.with_for_update(skip_locked=True)).mappings()]
            places = [row.pop("ctid") for row in rows]
            self._connection.execute(delete(readable.clause).where(place.in_(places)))
            return rows

    def change(self, name: str, where: Condition, values: Mapping[str, str | None], limit: int | None) -> int:
        """Set columns of up to `limit` rows that match `where`; return how many."""
        query = Query(name, tuple(values), where, limit=limit or 1)
        readable = self._known(query, to_write=True)
        with as_invalid_input(name, _CHECK):
            condition: ColumnElement[bool] = clause(where) & self._visible(readable)
            if limit is not None:
                place: ColumnElement[str] = literal_column("ctid")
                condition = place.in_(select(place).select_from(readable.clause).where(condition).limit(limit))
            new = {name: storable(value) for name, value in values.items()}
            return self._connection.execute(update(readable.clause).where(condition).values(new)).rowcount

    def _readable(self, schema: str | None, name: str) -> ReadableTable | None:
        try:
            columns = inspect(self._connection).get_columns(name, schema=schema)
        except NoSuchTableError:
            return None
        return ReadableTable(schema, name, {item["name"]: str(item["type"]) for item in columns}) if columns else None

    def _known(self, query: Query, *, to_write: bool) -> ReadableTable:
        readable = self.find(query.table, to_write=to_write)
        if readable is None:
            offer = ", ".join(self.names()[:20]) or "none yet"
            reason = "may not be changed" if to_write and self.find(query.table) else "doesn't exist or may not be read"
            raise InvalidInput(
                reason, where=f"table {query.table}", do=f"tables: {offer}; see [tables] in the settings"
            )
        named = {*query.columns, *columns_of(query.where), *(name for name, _ in query.order_by)}
        for unknown in sorted(named - readable.columns.keys()):
            offer = ", ".join(list(readable.columns)[:40])
            raise InvalidInput(f"has no column {unknown!r}", where=f"table {query.table}", do=f"it has {offer}")
        return readable

    def _select(self, readable: ReadableTable, query: Query) -> Select[Any]:
        source = readable.clause
        chosen = (source.c[name] for name in query.columns or readable.columns)
        rows = select(*chosen).select_from(source).where(clause(query.where), self._visible(readable))
        if query.sample is not None:
            return rows.order_by(func.random()).limit(query.sample)
        ordered = [source.c[name].desc() if descends else source.c[name] for name, descends in query.order_by]
        return rows.order_by(*ordered).limit(query.limit).offset(query.offset)

    def _visible(self, readable: ReadableTable) -> ColumnElement[bool]:
        if self._rehearse or readable.schema != SCHEMA:
            return true()
        return column("review_status") != REHEARSED

    def _take_role(self, readable: ReadableTable) -> None:
        """Switch to the role that sees only content tables, if it exists and may read the table."""
        named = {
            "role": READER,
            "table": f'"{readable.schema}"."{readable.name}"' if readable.schema else f'"{readable.name}"',
        }
        if self._connection.execute(_MAY_READ, named).scalar():
            self._connection.execute(text(f"set local role {READER}"))


_MAY_READ = text(
    "select coalesce(bool_or(pg_has_role(oid, 'member') and has_table_privilege(oid, cast(:table as text), 'select')"
    " and has_schema_privilege(oid, (select relnamespace from pg_class where pg_class.oid = cast(:table as regclass)),"
    " 'usage')), false) from pg_roles where rolname = :role"
)
