"""Tests prepared statements: planned once for each connection, and sent whole where a pooler stands between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from botticelli.runtime.process import Runtime
from botticelli.store.connection.prepared import Prepared, execute
from botticelli.store.connection.sessions import POOLED
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
            assert execute(connection, NUMBERS, values).one() == ("a%", 2, "a")
        assert list(connection.execute(NAMES).scalars()) == ["numbers"]


def test_statement_behind_a_pooler_is_sent_whole(runtime: Runtime) -> None:
    with runtime.store.engine.connect() as connection:
        connection.execute(text("deallocate all"))
        connection.info[POOLED] = True
        try:
            assert execute(connection, NUMBERS, {"first": "a", "second": 2}).one() == ("a%", 2, "a")
            assert list(connection.execute(NAMES).scalars()) == []
        finally:
            connection.invalidate()


def test_prepared_statement_outlives_the_transaction_that_failed(runtime: Runtime) -> None:
    with runtime.store.engine.connect() as connection:
        with pytest.raises(DataError):
            execute(connection, DIVIDED, {"by": 0})
        connection.rollback()
        assert execute(connection, DIVIDED, {"by": 1}).scalar_one() == 1


def test_run_that_another_connection_has_changed_is_read_anew(runtime: Runtime) -> None:
    run = start(runtime, narrative_text())
    with runtime.store.transaction() as tx:
        tx.runs.set(run.id, reason="changed", tags=["x"], waiting_for={"scope": "s"})
    with runtime.store.transaction() as tx:
        changed = tx.runs.lock(run.id)
        assert (changed.reason, changed.tags, changed.waiting_for) == ("changed", ["x"], {"scope": "s"})
        assert replace(tx.runs.recent()[0], now=changed.now) == changed
