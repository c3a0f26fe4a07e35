"""Stores temporary lower limits of budgets: who set them, why and until when. Rows are added and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import budget_overrides

WHOLE = "*"
"""Stands in place of a window: the scope is paused while its limit is 0."""


@dataclass(frozen=True, slots=True)
class Override:
    """A limit for one window of one scope. A `limit` of None restores the usual limit from `set_at` on."""

    scope: str
    window: str
    limit: int | None
    reason: str
    set_by: str
    set_at: datetime
    until: datetime | None


ActiveOverrides = Mapping[str, Mapping[str, Override]]
"""Overrides by scope, then by window."""
_READ = select(*(budget_overrides.c[name] for name in Override.__slots__))


class Overrides:
    """Reads and writes temporary limits within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, scope: str, window: str, limit: int | None, *, reason: str, set_by: str, until: datetime | None
    ) -> Override:
        """Add an override; the newest of a window is in force, and a limit of None ends it."""
        values = {"scope": scope, "window": window, "limit": limit, "reason": reason, "set_by": set_by, "until": until}
        columns = (budget_overrides.c[name] for name in Override.__slots__)
        row = self._connection.execute(insert(budget_overrides).values(values).returning(*columns)).mappings().one()
        return Override(**row)

    def in_force(self) -> ActiveOverrides:
        """Return the overrides that are in force by Postgres's clock."""
        rows = self._connection.execute(statement("active_overrides")).mappings()
        overrides: dict[str, dict[str, Override]] = {}
        for row in rows:
            overrides.setdefault(row["scope"], {})[row["window"]] = Override(**row)
        return overrides

    def history(self, scope: str | None = None, limit: int = 100) -> list[Override]:
        """List overrides, newest first; of one scope or of all."""
        query = _READ.order_by(budget_overrides.c.id.desc()).limit(limit)
        if scope is not None:
            query = query.where(budget_overrides.c.scope == scope)
        return [Override(**row) for row in self._connection.execute(query).mappings()]
