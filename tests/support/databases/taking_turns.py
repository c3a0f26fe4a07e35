"""Holds one writer of the database before its commit until another one waits for it: their order is never chance."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import text

from botticelli.runtime.process import Runtime
from botticelli.store import Transaction
from tests.support.waiting import wait_until

WAITING = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
NOW = text("select clock_timestamp()")


def while_the_first_waits_to_commit(
    runtime: Runtime, first: Callable[[Transaction], object], second: Callable[[Transaction], object]
) -> tuple[object, datetime]:
    """Return the result of `second`, and when it was seen to wait for the first writer, which commits then."""

    def perform() -> object:
        with runtime.store.transaction() as tx:
            return second(tx)

    with ThreadPoolExecutor(1) as pool:
        with runtime.store.transaction() as tx:
            first(tx)
            later = pool.submit(perform)
            wait_until(lambda: _waiting(runtime) == 1, "the second writer to wait")
            seen_at: datetime = tx.connection.execute(NOW).scalar_one()
        return later.result(60), seen_at


def _waiting(runtime: Runtime) -> int:
    """Count the sessions that wait for a lock, in a new transaction, since a transaction never sees a change of them."""
    with runtime.store.transaction() as tx:
        count: int = tx.connection.execute(WAITING).scalar_one()
    return count
