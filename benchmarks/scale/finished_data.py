"""Fills the tables with finished iterations: copies of the rows of a run that was really performed."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Table, text

from botticelli.store.schema.tables import acts, iterations, ledger, metadata, runs

ITERATIONS_PER_RUN = 20
SPREAD_DAYS = 1
"""The copies end evenly over as many days, up to now: a window of a day has all of them."""
_AT = f"now() - make_interval(secs => {SPREAD_DAYS} * 86400.0 * (1 - copy::float / :copies))"
_RUN = "lpad(to_hex(copy), 8, '0') || substr(id, 9)"
_OF_RUN = "lpad(to_hex(copy), 8, '0') || substr(run_id, 9)"
_MOMENTS = ("created_at", "started_at", "finished_at", "drawn_at", "settled_at", "recorded_at")
_OWN: Mapping[Table, dict[str, str]] = {
    runs: {"id": _RUN, "narrative": "narrative || '_' || copy % 5"},
    iterations: {"run_id": _OF_RUN},
    acts: {"run_id": _OF_RUN},
    ledger: {
        "run_id": _OF_RUN,
        "draw_id": "lpad(to_hex(copy), 8, '0') || draw_id",
        "narrative": "narrative || '_' || copy % 5",
        "scope": "scope || (copy % 8)",
    },
}
"""Columns that differ from copy to copy: 5 narratives, 8 scopes."""


def copy_run(connection: Connection, run_id: str, first: int, last: int, copies: int) -> None:
    """Store copies number `first` to `last` of a finished run, of `copies` in all: its rows in all four tables.

    Triggers and foreign keys are off meanwhile: nobody is told of runs that never were.
    """
    connection.execute(text("set local session_replication_role = replica"))
    for table in (runs, iterations, acts, ledger):
        connection.execute(text(_insert(table)), {"run_id": run_id, "first": first, "last": last, "copies": copies})


def analyze(connection: Connection) -> None:
    """Let the planner know the tables as they are now, as autovacuum does."""
    for table in metadata.sorted_tables:
        connection.execute(text(f"analyze {table.name}"))


def count(connection: Connection) -> int:
    return int(connection.execute(text("select count(*) from iterations where status = 'succeeded'")).scalar_one())


def _insert(table: Table) -> str:
    names = [column.name for column in table.columns if column.computed is None]
    moments = {name: _AT for name in _MOMENTS if name in names}
    values = {name: f'{table.name}."{name}"' for name in names} | moments | _OWN[table]
    columns = ", ".join(f'"{name}"' for name in names)
    mine = "id" if table is runs else "run_id"
    source = f"{table.name} cross join generate_series(cast(:first as bigint), cast(:last as bigint)) as copy"
    chosen = ", ".join(values[name] for name in names)
    return f"insert into {table.name} ({columns}) select {chosen} from {source} where {table.name}.{mine} = :run_id"  # noqa: S608 (names of our own tables)
