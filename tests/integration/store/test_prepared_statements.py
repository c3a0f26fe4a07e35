"""Tests prepared statements: planned once for each connection, and sent whole where a pooler stands between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from botticelli.runtime.process import Runtime
from botticelli.store.connection.sessions import POOLED
from botticelli.store.schema.statements import Prepared, fetch
from tests.support.narratives import narrative_text, start

NAMES = text("select name from pg_prepared_statements order by name")
NUMBERS = Prepared.of(
    "numbers", "-- in: a :comment is no parameter\nselect :first || '%', cast(:second as int), :first"
)
DIVIDED = Prepared.of("divided", "select 1 / cast(:by as int)")


def test_statement_is_prepared_once_for_each_connection(runtime: Runtime) -> None:
    values = {"first": "a", "second": 2}
    with runtime.store.engine.connect() as connection:
        connection.execute(text("deallocate all"))
        connection.info.clear()
        for _ in range(2):
            assert fetch(connection, NUMBERS, values) == [("a%", 2, "a")]
        assert list(connection.execute(NAMES).scalars()) == ["numbers"]


def test_statement_behind_a_pooler_is_sent_whole(runtime: Runtime) -> None:
    with runtime.store.engine.connect() as connection:
        connection.execute(text("deallocate all"))
        connection.info[POOLED] = True
        try:
            assert fetch(connection, NUMBERS, {"first": "a", "second": 2}) == [("a%", 2, "a")]
            assert list(connection.execute(NAMES).scalars()) == []
        finally:
            connection.invalidate()


def test_prepared_statement_outlives_the_transaction_that_failed(runtime: Runtime) -> None:
    with runtime.store.engine.connect() as connection:
        with pytest.raises(DataError), connection.begin():
            fetch(connection, DIVIDED, {"by": 0})
        with connection.begin():
            assert fetch(connection, DIVIDED, {"by": 1}) == [(1,)]


def test_run_that_another_connection_has_changed_is_read_anew(runtime: Runtime) -> None:
    run = start(runtime, narrative_text())
    with runtime.store.transaction() as tx:
        tx.runs.set(run.id, reason="changed", tags=["x"], waiting_for={"scope": "s"})
    with runtime.store.transaction() as tx:
        changed = tx.runs.lock(run.id)
        assert (changed.reason, changed.tags, changed.waiting_for) == ("changed", ["x"], {"scope": "s"})
        assert replace(tx.runs.recent()[0], now=changed.now) == changed


def test_connection_that_the_server_ended_is_replaced(runtime: Runtime) -> None:
    engine = runtime.store.engine
    with engine.connect() as connection:
        pid = connection.execute(text("select pg_backend_pid()")).scalar_one()
        connection.rollback()
        with engine.connect() as other:
            other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(OperationalError) as raised, connection.begin():
            fetch(connection, DIVIDED, {"by": 1})
        assert (raised.value.connection_invalidated, connection.invalidated) == (True, True)
    with engine.connect() as connection:
        assert fetch(connection, DIVIDED, {"by": 1}) == [(1,)]
