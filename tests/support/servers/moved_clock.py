"""Moves the clock of a test's Postgres database: `now()` is ahead by what a row says, for every process that uses it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from botticelli.runtime.process import Runtime
from botticelli.store.connection.database import make_engine

_SHADOWS = """
create table test_clock (ahead interval not null);
insert into test_clock values ('0');
create function public.now() returns timestamptz stable language sql
    as 'select pg_catalog.now() + ahead from public.test_clock';
create function public.clock_timestamp() returns timestamptz volatile language sql
    as 'select pg_catalog.clock_timestamp() + ahead from public.test_clock';
do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end $$;
"""


class MovedClock:
    """Shadows Postgres's clock in the database of a runtime. Sessions that are open already keep the real one."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine = make_engine(runtime.database_url, pool_size=1, statement_timeout_seconds=60)
        self._execute(_SHADOWS)
        runtime.store.engine.dispose()

    def advance(self, **span: float) -> None:
        """Move the clock ahead by a span, such as `hours=3`."""
        self._execute("update public.test_clock set ahead = ahead + :ahead", ahead=timedelta(**span))

    def close(self) -> None:
        self._engine.dispose()

    def _execute(self, sql: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(sql), values)
