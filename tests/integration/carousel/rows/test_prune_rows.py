"""Tests that the space of a deleted run with rows goes back to the disk, and that no other run notices."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from botticelli.carousel import EnqueueRequest, cancel, enqueue, prune
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.rows.lists import ListSource
from botticelli.runtime.process import Runtime
from tests.support.narratives import loaded, perform_all, run_of

TEXT = """
[narrative]
name = "space"
[narrative.carousel]
key = "id"
[acts]
draft = "{row.text}"
"""


def _enqueued(runtime: Runtime, rows: int) -> str:
    request = EnqueueRequest(rows=RowOptions(ListSource([{"id": n, "text": "x" * 200} for n in range(rows)], "rows")))
    return enqueue(runtime, loaded(TEXT), "test.toml", request).run.id


def test_prune_gives_the_space_of_a_run_back_while_another_one_goes_on(runtime: Runtime) -> None:
    other, old = _enqueued(runtime, 3), _enqueued(runtime, 5000)
    cancel(runtime, old)
    before = run_of(runtime, old).now + timedelta(seconds=1)
    pruned = prune(runtime, before, vacuum=True)
    assert pruned.runs == 1 and pruned.freed_bytes > 1_000_000
    assert perform_all(runtime, other).succeeded == 3
    with runtime.store.engine.connect() as connection:
        assert connection.execute(text("select count(*) from pg_index where not indisvalid")).scalar_one() == 0
        assert connection.execute(text("show statement_timeout")).scalar_one() != "0"


def test_vacuum_removes_what_an_interrupted_one_has_left(runtime: Runtime) -> None:
    with runtime.store.engine.begin() as connection:
        connection.execute(text("create index ix_run_items_key_ccnew on run_items (key)"))
        invalid = "update pg_index set indisvalid = false where indexrelid = 'ix_run_items_key_ccnew'::regclass"
        connection.execute(text(invalid))
    with runtime.store.transaction() as tx:
        now = tx.connection.execute(text("select now()")).scalar_one()
    assert prune(runtime, now, vacuum=True).runs == 0
    with runtime.store.engine.connect() as connection:
        assert connection.execute(text("select to_regclass('ix_run_items_key_ccnew')")).scalar_one() is None
