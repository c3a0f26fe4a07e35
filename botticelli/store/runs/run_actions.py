"""Records who paused, resumed, cancelled, retried or forked a run, when and why. Rows are added and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from botticelli.store.schema.tables import run_levers
from botticelli.untrusted.storable import storable

HALT = "halt"


@dataclass(frozen=True, slots=True)
class RunAction:
    """One action on a run.

    `lever` is pause, pause now, resume, cancel, cancel now, retry or fork; or `halt`, recorded by a worker that can't
    continue before a person acts.
    """

    id: int
    run_id: str
    lever: str
    reason: str
    moved_by: str
    moved_at: datetime


_COLUMNS = tuple(run_levers.c[name] for name in RunAction.__slots__)


class RunActions:
    """Reads and writes actions on runs within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, run_id: str, lever: str, *, moved_by: str, reason: str) -> RunAction:
        """Record an action at the time of Postgres's clock."""
        values = {"run_id": run_id, "lever": lever, "moved_by": storable(moved_by), "reason": storable(reason)}
        row = self._connection.execute(insert(run_levers).values(values).returning(*_COLUMNS)).mappings().one()
        return RunAction(**row)

    def of_run(self, run_id: str, after: int = 0) -> list[RunAction]:
        """List the actions on a run with an id above `after`, in order."""
        query = (
            select(*_COLUMNS).where(run_levers.c.run_id == run_id, run_levers.c.id > after).order_by(run_levers.c.id)
        )
        return [RunAction(**row) for row in self._connection.execute(query).mappings()]

    def last(self, run_id: str, *levers: str) -> RunAction | None:
        """Return the newest action of these kinds, or None."""
        query = select(*_COLUMNS).where(run_levers.c.run_id == run_id, run_levers.c.lever.in_(levers))
        row = self._connection.execute(query.order_by(run_levers.c.id.desc()).limit(1)).mappings().first()
        return RunAction(**row) if row else None
