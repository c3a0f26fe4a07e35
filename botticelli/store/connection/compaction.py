"""Gives the space of deleted rows back to the disk, while runs go on."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from botticelli.store.connection.sessions import connected
from botticelli.store.schema.statements import statement

RUN_TABLES = (
    *("runs", "run_items", "run_bad_rows", "run_actions", "iterations"),
    *("acts", "effects", "accepted_texts", "ledger", "firings"),
)
"""Tables from which `runs prune` deletes."""


def compact_tables(engine: Engine) -> int:
    """Vacuum the tables of runs and build their indexes anew, and return how many bytes that freed.

    Blocks no reader and no writer; needs space for the largest index meanwhile. A table ends where its last row is, so
    rows of younger runs behind the deleted ones keep the space before them for later runs.
    """
    with connected(engine) as connection:
        before = _size_bytes(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("set statement_timeout = 0; set lock_timeout = 0"))
        try:
            _compact(connection)
            return max(0, before - _size_bytes(connection))
        finally:
            connection.invalidate()  # nobody else gets a session without timeouts


def _compact(connection: Connection) -> None:
    leftovers = connection.execute(statement("unfinished_indexes"), {"tables": list(RUN_TABLES)})
    for name in leftovers.scalars().all():
        connection.execute(text(f'drop index concurrently if exists "{name}"'))
    for table in RUN_TABLES:
        connection.execute(text(f"vacuum (analyze) {table}"))
        connection.execute(text(f"reindex table concurrently {table}"))


def _size_bytes(connection: Connection) -> int:
    size: int = connection.execute(text("select pg_database_size(current_database())")).scalar_one()
    return size
