"""Stores the rows that a run goes through: copied in batches at enqueue, read by workers, never changed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import run_bad_rows, run_items, runs

_COPY = "copy run_items (run_id, number, key, line, row) from stdin"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
"""Escapes of COPY's text format."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """A row to store: its key, the line of its source, and its columns as the text of a JSON object."""

    number: int
    key: str
    line: int
    row: str


@dataclass(frozen=True, slots=True)
class Item:
    """A stored row, or an item of a list that an act goes through. `number` counts them from 1."""

    number: int
    key: str
    line: int
    row: Any


@dataclass(frozen=True, slots=True)
class ItemStatus:
    """A stored row with its iteration, and the status and error of that; `pending` before it was admitted."""

    number: int
    key: str
    line: int
    row: Mapping[str, Any]
    iteration: int
    status: str
    error: str | None


def batch_rows(snapshot: Mapping[str, Any]) -> int:
    """Return how many rows each iteration of a run performs, by the snapshot of its narrative."""
    return int((snapshot.get("carousel") or {}).get("batch_rows") or 1)


_READ = select(*(run_items.c[name] for name in Item.__slots__))


class Items:
    """Reads and writes the rows of runs within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin_copy(self, run_id: str, copier: str, lease_seconds: float) -> None:
        """Make a process the one that copies the rows of a run, from the first one that is not stored yet."""
        values = {"rows_copier": copier, "rows_lease_until": _in_seconds(lease_seconds)}
        self._connection.execute(update(runs).where(runs.c.id == run_id).values(**values))

    def copy(self, run_id: str, items: Iterable[NewItem]) -> None:
        """Store a batch of rows with COPY. The caller has locked the run."""
        head = run_id.translate(_ESCAPES)
        lines = (
            f"{head}\t{item.number}\t{item.key.translate(_ESCAPES)}\t{item.line}\t{item.row.translate(_ESCAPES)}\n"
            for item in items
        )
        cursor: Any = self._connection.connection.cursor()
        with cursor:
            cursor.copy_expert(_COPY, io.StringIO("".join(lines)))

    def extend(self, run_id: str, iterations_ready: int, lease_seconds: float) -> None:
        """Record how many iterations have their rows, and renew the copier's lease, or end the copying after the last."""
        values = {"run_id": run_id, "iterations_ready": iterations_ready, "lease_seconds": lease_seconds}
        self._connection.execute(statement("extend_rows"), values)

    def end_lease(self, run_id: str, copier: str) -> None:
        """End the lease of a copier that gives up: the run can't get further rows from it."""
        mine = (runs.c.id == run_id, runs.c.rows_copier == copier)
        self._connection.execute(update(runs).where(*mine).values(rows_lease_until=_in_seconds(0)))

    def record_bad(self, run_id: str, reasons: Mapping[int, str]) -> None:
        """Store rows that were left out, by their line, with the reason."""
        if reasons:
            rows = [{"run_id": run_id, "line": line, "reason": reason} for line, reason in reasons.items()]
            self._connection.execute(insert(run_bad_rows).on_conflict_do_nothing(), rows)

    def share(self, old: str, new: str) -> None:
        """Copy the rows of a run to a new one."""
        self._connection.execute(statement("copy_items"), {"old": old, "new": new})

    def of_numbers(self, run_id: str, numbers: Sequence[int]) -> list[Item]:
        """Read rows by their numbers, in order."""
        query = _READ.where(run_items.c.run_id == run_id, run_items.c.number.in_(numbers))
        return [Item(**row) for row in self._connection.execute(query.order_by(run_items.c.number)).mappings()]

    def of_run(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[Item]:
        """List the rows with a number above `after`, by number."""
        query = _READ.where(run_items.c.run_id == run_id, run_items.c.number > after)
        query = query.order_by(run_items.c.number).limit(limit)
        return [Item(**row) for row in self._connection.execute(query).mappings()]

    def with_status(
        self, run_id: str, *, batch_rows: int, statuses: Sequence[str] = (), after: int = 0, limit: int = 1000
    ) -> list[ItemStatus]:
        """List the rows with a number above `after` whose iteration has one of the statuses (empty: any)."""
        values = {"run_id": run_id, "batch_rows": batch_rows, "statuses": list(statuses)}
        values |= {"after": after, "limit": limit}
        rows = self._connection.execute(statement("items_with_status"), values).mappings()
        return [ItemStatus(**row) for row in rows]

    def of_key(self, run_id: str, key: str) -> list[Item]:
        """Read the rows with this key: one, or several where the content of the row is its key."""
        query = _READ.where(run_items.c.run_id == run_id, run_items.c.key == key).order_by(run_items.c.number)
        return [Item(**row) for row in self._connection.execute(query).mappings()]

    def has_column(self, run_id: str, column: str) -> bool:
        """Whether any row of a run has this column; reads all of them when none has."""
        has = run_items.c.row.op("->")(column).is_not(None)
        query = select(run_items.c.number).where(run_items.c.run_id == run_id, has).limit(1)
        return self._connection.execute(query).first() is not None

    def bad_rows(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[tuple[int, str]]:
        """List the rows that were left out: line and reason, those with a line above `after`."""
        columns = (run_bad_rows.c.line, run_bad_rows.c.reason)
        query = select(*columns).where(run_bad_rows.c.run_id == run_id, run_bad_rows.c.line > after)
        rows = self._connection.execute(query.order_by(run_bad_rows.c.line).limit(limit))
        return [(row.line, row.reason) for row in rows]

    def succeeded_keys(self, narrative: str, keys: Sequence[str]) -> set[str]:
        """Return those of the keys whose row has succeeded in an earlier run of the narrative; rehearsals don't count."""
        values = {"narrative": narrative, "keys": list(keys)}
        return set(self._connection.execute(statement("succeeded_keys"), values).scalars())


def _in_seconds(seconds: float) -> Any:
    """Return the time of Postgres's clock, `seconds` from now."""
    return func.clock_timestamp() + timedelta(seconds=seconds)
