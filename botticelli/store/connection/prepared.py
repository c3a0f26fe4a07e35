"""Runs the statements of an iteration as prepared ones: parsed and planned once for each connection.

Planning one of them takes Postgres longer than running it, and SQLAlchemy's own execution takes the client longer than
the trip. Behind a pooler, where the next transaction may have another session, the same text is sent whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Select
from sqlalchemy.dialects import postgresql

from botticelli.store.connection.sessions import POOLED
from botticelli.store.schema.statements import statement

NAMES = "prepared"
"""Names, in the info of a connection, the statements that its session has prepared."""
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


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


def execute(connection: Connection, query: Prepared, values: Mapping[str, Any]) -> CursorResult[*tuple[Any, ...]]:
    """Run a statement in the connection's transaction, after preparing it if this session has not yet."""
    if connection.info.get(POOLED):
        return connection.exec_driver_sql(query.whole, dict(values))
    names = connection.info.setdefault(NAMES, set())
    if query.name not in names:
        connection.exec_driver_sql(query.prepare, execution_options={"no_parameters": True})
        names.add(query.name)
    return connection.exec_driver_sql(query.execute, tuple([values[name] for name in query.parameters]))
