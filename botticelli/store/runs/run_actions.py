"""Records who paused, resumed, cancelled, retried or forked a run, when and why. Rows are added and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from botticelli.store.schema.tables import run_actions
from botticelli.untrusted.storable import storable

HALT = "halt"


@dataclass(frozen=True, slots=True)
class RunAction:
    """One action on a run.

    `action` is pause, pause now, resume, cancel, cancel now, retry or fork; or `halt`, recorded by a worker that can't
    continue before a person acts.
    """

    id: int
    run_id: str
    action: str
    reason: str
    actor: str
    at: datetime


_COLUMNS = tuple(run_actions.c[name] for name in RunAction.__slots__)


class RunActions:
    """Reads and writes actions on runs within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, run_id: str, action: str, *, actor: str, reason: str) -> RunAction:
        """Record an action at the time of Postgres's clock."""
        values = {"run_id": run_id, "action": action, "actor": storable(actor), "reason": storable(reason)}
        row = self._connection.execute(insert(run_actions).values(values).returning(*_COLUMNS)).mappings().one()
        return RunAction(**row)

    def of_run(self, run_id: str, after: int = 0) -> list[RunAction]:
        """List the actions on a run with an id above `after`, in order."""
        query = (
            select(*_COLUMNS).where(run_actions.c.run_id == run_id, run_actions.c.id > after).order_by(run_actions.c.id)
        )
        return [RunAction(**row) for row in self._connection.execute(query).mappings()]

    def last(self, run_id: str, *actions: str) -> RunAction | None:
        """Return the newest action of these kinds, or None."""
        query = select(*_COLUMNS).where(run_actions.c.run_id == run_id, run_actions.c.action.in_(actions))
        row = self._connection.execute(query.order_by(run_actions.c.id.desc()).limit(1)).mappings().first()
        return RunAction(**row) if row else None
