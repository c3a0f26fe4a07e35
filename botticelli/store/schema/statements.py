"""Loads the statements of queries/, each named after the method that runs it, encodes rows for them, and prepares them.

The statements of an iteration run as prepared ones: parsed and planned once for each connection. Planning one of them
takes Postgres longer than running it, and SQLAlchemy's own execution takes the client longer than the trip. Behind a
pooler, where the next transaction may have another session, the same text is sent whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from textwrap import indent
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Select, TextClause, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from botticelli.store.connection.sessions import POOLED
from botticelli.untrusted.storable import storable

ODD = re.compile(r"\\u(0000|[dD][89a-fA-F])")
"""Matches the JSON escapes that Postgres may not store: NUL, and surrogates (which are invalid only when unpaired)."""
NAMES = "prepared"
"""Names, in the info of a connection, the statements that its session has prepared."""
JOINED = "joined"
"""Names, in the info of a connection, the transaction whose trips are joined."""
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_INCLUDED = re.compile(r"^( *)\{(\w+)\.sql\}$", re.MULTILINE)


@cache
def statement(name: str) -> TextClause:
    """Load `queries/{name}.sql`. A line `{other.sql}` in it stands for that statement."""
    return text(_INCLUDED.sub(_included, _read(name)))


def _included(match: re.Match[str]) -> str:
    return indent(_COMMENT.sub("", _read(match[2])).rstrip(), match[1])


def _read(name: str) -> str:
    return files("botticelli.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def as_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Encode rows for `jsonb_populate_recordset`: a JSON array of objects with the names of the columns.

    Dates and decimals become text that Postgres parses.
    """
    copies = [dict(row) for row in rows]
    text = json.dumps(copies, default=str)
    return json.dumps(storable(copies), default=str) if ODD.search(text) else text


def columns_of(row: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name, without copying their values."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement in the three forms in which it is sent; `parameters` are in the order of `execute`."""

    name: str
    parameters: tuple[str, ...]
    prepare: str
    execute: str
    whole: str

    @classmethod
    def of(cls, name: str, sql: str) -> Prepared:
        """Build the forms of a statement whose parameters are written `:name`."""
        bare = _COMMENT.sub("", sql)
        parameters = tuple(dict.fromkeys(_PARAMETER.findall(bare)))
        numbered = _PARAMETER.sub(lambda match: f"${parameters.index(match[1]) + 1}", bare)
        places = ", ".join(["%s"] * len(parameters))
        return cls(
            name,
            parameters,
            f"prepare {name} as {numbered}",
            f"execute {name} ({places})",
            _PARAMETER.sub(r"%(\1)s", bare.replace("%", "%%")),
        )


@cache
def prepared(name: str) -> Prepared:
    """Load `queries/{name}.sql`."""
    return Prepared.of(name, statement(name).text)


def prepared_select(name: str, query: Select[Any]) -> Prepared:
    """Compile a query whose parameters are all `bindparam`s."""
    dialect: Dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return Prepared.of(name, str(query.compile(dialect=dialect)))


Step = tuple[Prepared, Mapping[str, Any]]
"""A statement and the values of its parameters."""


@dataclass(slots=True)
class _Joined:
    """A transaction whose trips are joined: whether `begin` was sent, and the statements that wait for the next trip."""

    is_begun: bool = False
    waiting: list[Step] = field(default_factory=list)


def fetch(
    connection: Connection, query: Prepared, values: Mapping[str, Any], *, after: Sequence[Step] = ()
) -> list[tuple[Any, ...]]:
    """Run a statement in the transaction that the connection has begun, and return its rows.

    The statements of `after` are sent with it, in the same trip, and run before it; their rows are dropped. Raises the
    errors that SQLAlchemy raises.
    """
    return _trip(connection, [*after, (query, values)])


def later(connection: Connection, query: Prepared, values: Mapping[str, Any]) -> None:
    """Run a statement whose rows nobody needs in the trip of the next one; at once where trips are not joined."""
    joined: _Joined | None = connection.info.get(JOINED)
    if joined is None:
        fetch(connection, query, values)
    else:
        joined.waiting.append((query, values))


@contextmanager
def joined_trips(connection: Connection) -> Iterator[None]:
    """Make a transaction of the block, on a connection that commits each statement by itself.

    `begin` is sent with the first statement, and `commit` with those that wait at the end of the block. Rolls back when the
    block raises. Behind a pooler the block has a transaction already.
    """
    if connection.info.get(POOLED):
        yield
        return
    info, joined = connection.info, _Joined()
    info[JOINED] = joined
    try:
        yield
        if joined.is_begun or joined.waiting:
            _trip(connection, [], "commit")
    except BaseException:
        joined.waiting.clear()
        if joined.is_begun and not connection.invalidated:
            _trip(connection, [], "rollback")
        raise
    finally:
        info.pop(JOINED, None)


def send_waiting_first(engine: Engine) -> None:
    """Let whatever SQLAlchemy executes in a joined transaction come after its `begin` and the statements that wait."""

    def send(connection: Connection, *_: Any) -> None:
        joined: _Joined | None = connection.info.get(JOINED)
        if joined is not None and (joined.waiting or not joined.is_begun):
            _trip(connection, [])

    event.listen(engine, "before_cursor_execute", send)


def _trip(connection: Connection, steps: Sequence[Step], end: str = "") -> list[tuple[Any, ...]]:
    """Execute statements in one trip, and return the rows of the last one."""
    try:
        cursor: Any = connection.connection.cursor()
        with cursor:
            _run(cursor, connection, steps, end)
            return cursor.fetchall() if cursor.description else []
    except connection.dialect.loaded_dbapi.Error as error:
        statement = steps[-1][0].execute if steps else end or "begin"
        raise _translated(connection, statement, error) from error


def _run(cursor: Any, connection: Connection, steps: Sequence[Step], end: str = "") -> None:
    """Execute statements in one trip, after preparing those that this session has not yet."""
    if connection.info.get(POOLED):
        cursor.execute(b";".join([cursor.mogrify(query.whole, values) for query, values in steps]))
        return
    begin, steps = _with_waiting(connection, steps)
    names = connection.info.setdefault(NAMES, set())
    for query, _ in steps:
        if query.name not in names:
            cursor.execute(query.prepare)
            names.add(query.name)
    arguments = [values[name] for query, values in steps for name in query.parameters]
    cursor.execute(";".join(filter(None, [begin, *[query.execute for query, _ in steps], end])), arguments)


def _with_waiting(connection: Connection, steps: Sequence[Step]) -> tuple[str, Sequence[Step]]:
    """Return `begin` if it is still to be sent, and the statements after those that wait."""
    joined: _Joined | None = connection.info.get(JOINED)
    if joined is None:
        return "", steps
    begin, joined.is_begun = "" if joined.is_begun else "begin", True
    waiting, joined.waiting = joined.waiting, []
    return begin, [*waiting, *steps]


def _translated(connection: Connection, statement: str, error: Any) -> BaseException:
    """Return the error as SQLAlchemy raises it, without parameters. A lost connection is given up."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection, None)
    if is_lost:
        connection.invalidate(error)
    options: dict[str, Any] = {"hide_parameters": True, "connection_invalidated": is_lost, "dialect": dialect}
    translated: BaseException = DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, **options)
    return translated
