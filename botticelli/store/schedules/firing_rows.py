"""Stores firings: what each nominal time of a schedule came to, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.statuses import FINAL, RunStatus
from botticelli.store.schema.schedule_tables import firings
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import runs


@dataclass(frozen=True, slots=True)
class Firing:
    """Outcome of a nominal time. `origin` is schedule, trigger or backfill."""

    schedule_id: str
    nominal_at: datetime
    action: str
    origin: str
    run_id: str | None
    reason: str


@dataclass(slots=True)
class Backlog:
    """Open work of a schedule: its unfinished runs and its buffered times, the oldest first."""

    runs: list[str]
    buffered: list[Firing]


@dataclass(frozen=True, slots=True)
class FiringView:
    """A firing as it is shown, with the status of its run as it is now."""

    nominal_at: datetime
    action: str
    origin: str
    reason: str
    fired_at: datetime
    run_id: str | None
    run_status: RunStatus | None
    run_reason: str | None


_VIEW = select(
    firings.c.nominal_at,
    firings.c.action,
    firings.c.origin,
    firings.c.reason,
    firings.c.fired_at,
    firings.c.run_id,
    runs.c.status.label("run_status"),
    runs.c.reason.label("run_reason"),
).select_from(firings.outerjoin(runs, runs.c.id == firings.c.run_id))


class Firings:
    """Reads and writes firings within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Sequence[Firing]) -> list[datetime]:
        """Insert firings; return the nominal times that had none yet."""
        if not new:
            return []
        query = insert(firings).values(_values(new)).on_conflict_do_nothing().returning(firings.c.nominal_at)
        return list(self._connection.execute(query).scalars())

    def backfill(self, new: Sequence[Firing]) -> list[datetime]:
        """Insert firings, also in place of those that started no run; return the nominal times that were written."""
        if not new:
            return []
        query = insert(firings).values(_values(new))
        changed = {name: query.excluded[name] for name in ("action", "origin", "run_id", "reason")}
        is_idle = firings.c.run_id.is_(None) & (firings.c.action != "buffered")
        replacing = query.on_conflict_do_update(
            constraint=firings.primary_key, set_=changed | {"fired_at": func.now()}, where=is_idle
        )
        return list(self._connection.execute(replacing.returning(firings.c.nominal_at)).scalars())

    def start(self, schedule_id: str, nominal_at: datetime, action: str, run_id: str, reason: str) -> None:
        """Give a buffered time its run."""
        values = {"action": action, "run_id": run_id, "reason": reason, "fired_at": func.now()}
        self._connection.execute(
            update(firings)
            .where(firings.c.schedule_id == schedule_id, firings.c.nominal_at == nominal_at)
            .values(values)
        )

    def drop_buffered(self, schedule_id: str, before: datetime, reason: str) -> None:
        """Skip the times that are buffered and older than `before`."""
        is_older = (firings.c.schedule_id == schedule_id, firings.c.nominal_at < before)
        query = update(firings).where(*is_older, firings.c.action == "buffered")
        self._connection.execute(query.values(action="skipped_overlap", reason=reason))

    def backlog(self, schedule_id: str) -> Backlog:
        """Return what goes on for a schedule."""
        rows = self._connection.execute(statement("schedule_backlog"), {"schedule_id": schedule_id}).all()
        times = [row for row in rows if row.run_id is None]
        return Backlog(
            [row.run_id for row in rows if row.run_id is not None],
            [Firing(schedule_id, row.nominal_at, "buffered", row.origin, None, row.reason) for row in times],
        )

    def last_statuses(self, schedule_id: str, since: datetime, limit: int) -> list[tuple[str, str, str]]:
        """List id, status and reason of the newest ended runs that were fired after `since`, the newest first."""
        query = select(runs.c.id, runs.c.status, func.coalesce(runs.c.reason, ""))
        query = query.select_from(firings.join(runs, runs.c.id == firings.c.run_id))
        query = query.where(firings.c.schedule_id == schedule_id, firings.c.fired_at > since, runs.c.status.in_(FINAL))
        rows = self._connection.execute(query.order_by(firings.c.nominal_at.desc()).limit(limit))
        return [(row[0], row[1], row[2]) for row in rows]

    def recent(
        self, schedule_id: str, *, since: datetime | None = None, until: datetime | None = None, limit: int = 20
    ) -> list[FiringView]:
        """List firings, the newest nominal time first; `since` and `until` (excluded) bound the nominal time."""
        query = _VIEW.where(firings.c.schedule_id == schedule_id)
        query = query.where(firings.c.nominal_at >= since) if since else query
        query = query.where(firings.c.nominal_at < until) if until else query
        rows = self._connection.execute(query.order_by(firings.c.nominal_at.desc()).limit(limit)).mappings()
        return [FiringView(**row) for row in rows]

    def prune(self, before: datetime) -> int:
        """Delete firings of nominal times before `before` that are settled and whose run, if any, is gone."""
        return self._connection.execute(statement("prune_firings"), {"before": before}).rowcount


def _values(new: Sequence[Firing]) -> list[dict[str, Any]]:
    return [{name: getattr(firing, name) for name in Firing.__slots__} | {"fired_at": func.now()} for firing in new]
