"""Lends databases that are empty but for the schema. One that comes back is emptied, which is far quicker than a copy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Session
from psycopg2.sql import SQL, Composable, Identifier
from sqlalchemy.engine import make_url

LARGE_BYTES = 512 * 1024
"""A table of this size is truncated: it would be read to its end although its rows are deleted."""
SHAPE = """
select md5(string_agg(line, '\n' order by line)) from (
    select format('%s %s %s', c.oid, c.relname, c.relkind) as line
    from pg_class c where c.relnamespace = 'public'::regnamespace
    union all
    select format('%s %s %s %s %s', a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull)
    from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace = 'public'::regnamespace
    union all
    select format('constraint %s %s', oid, convalidated) from pg_constraint
    union all
    select format('trigger %s %s', oid, tgenabled) from pg_trigger
    union all
    select format('function %s', oid) from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select format('schema %s', nspname) from pg_namespace where nspname !~ '^pg_(temp|toast)'
    union all
    select format('setting %s', s.setconfig) from pg_db_role_setting s
    join pg_database d on d.oid = s.setdatabase where d.datname = current_database()
    union all
    select format('revision %s', version_num) from alembic_version
) as lines
"""
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""
SIZES = """
select relname, case when pg_relation_size(oid) = 0 then 0 else pg_table_size(oid) end from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r'
"""
SEQUENCES = "select sequencename from pg_sequences where schemaname = 'public' and last_value is not null"
REVISION = "alembic_version"
UNHINDERED = "set session_replication_role = replica; set lock_timeout = '20s'; set synchronous_commit = off"
"""No row is kept by one that refers to it, and nothing waits for ever for a lock. Autovacuum gives its own up in a second."""


class Databases:
    """Databases of one server, copied from `template` when none that came back can be lent again."""

    def __init__(self, server_url: str, template: str, prefix: str = "test") -> None:
        self._server_url = server_url
        self._template = template
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._returned: list[str] = []
        self._shape: list[Any] = []
        self._tables: Set[str] = set()

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend the URL of a database to one test."""
        url = self._returned.pop() if self._returned else None
        if url is None or not self._is_emptied(url):
            url = self.create(f"{self._prefix}_{next(self._numbers)}", self._template)
        yield url
        self._returned.append(url)

    def create(self, name: str, template: str) -> str:
        """Create a database; return its URL."""
        with _session(self._server_url) as session, session.cursor() as cursor:
            cursor.execute(SQL("create database {} template {}").format(Identifier(name), Identifier(template)))
        url = make_url(self._server_url).set(database=name).render_as_string(hide_password=False)
        if not self._shape:
            with _session(url) as session:
                self._shape, self._tables = _rows(session, SHAPE), dict(_rows(session, SIZES)).keys()
        return url

    def _is_emptied(self, url: str) -> bool:
        """Empty a database that came back; return whether it is as good as new.

        It isn't if a session is left in it, or if more than added tables differs from the template.
        """
        with suppress(psycopg2.Error), _session(url) as session:
            if _rows(session, OTHERS) != [(0,)]:
                return False
            sizes = dict(_rows(session, SIZES))
            _execute(session, [SQL("drop table {}").format(Identifier(name)) for name in sizes.keys() - self._tables])
            _empty(session, {name: sizes[name] for name in sizes.keys() & self._tables})
            return _rows(session, SHAPE) == self._shape
        return False


@contextmanager
def _session(url: str) -> Iterator[Session]:
    """Connect outside of transactions."""
    session = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    session.autocommit = True
    try:
        yield session
    finally:
        session.close()


def _rows(session: Session, query: str) -> list[Any]:
    with session.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _execute(session: Session, statements: Sequence[Composable]) -> None:
    if statements:
        with session.cursor() as cursor:
            cursor.execute(SQL("; ").join(statements))


def _empty(session: Session, sizes: Mapping[str, int]) -> None:
    """Delete the rows of all tables, whatever refers to them, but the schema's revision; count from 1 again."""
    forms = {name: "truncate {} cascade" if size > LARGE_BYTES else "delete from {}" for name, size in sizes.items()}
    filled = [SQL(forms[name]).format(Identifier(name)) for name in sizes if sizes[name] and name != REVISION]
    restarted = [SQL("alter sequence {} restart").format(Identifier(name)) for (name,) in _rows(session, SEQUENCES)]
    _execute(session, [SQL(UNHINDERED), *filled, *restarted])
