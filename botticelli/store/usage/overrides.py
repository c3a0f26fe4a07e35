"""Temporary lower limits of budgets, each with who, why and until when. Rows are added and never changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import budget_overrides

WHOLE = "*"
"""In place of a window: the scope is paused while a limit of 0 is in force for it."""
FRESH_SECONDS = 1.0
"""How old what a process knows of the limits in force may be."""


@dataclass(frozen=True, slots=True)
class Override:
    """A limit for one window of one scope. `limit` None: from `set_at` on the usual limit holds again."""

    scope: str
    window: str
    limit: int | None
    reason: str
    set_by: str
    set_at: datetime
    until: datetime | None


InForce = Mapping[str, Mapping[str, Override]]
"""By scope, then by window."""
_READ = select(*(budget_overrides.c[name] for name in Override.__slots__))


class Overrides:
    """The repository of temporary limits, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, scope: str, window: str, limit: int | None, *, reason: str, set_by: str, until: datetime | None
    ) -> Override:
        """The newest of a window is the one that counts; None ends it."""
        values = {"scope": scope, "window": window, "limit": limit, "reason": reason, "set_by": set_by, "until": until}
        columns = (budget_overrides.c[name] for name in Override.__slots__)
        row = self._connection.execute(insert(budget_overrides).values(values).returning(*columns)).mappings().one()
        return Override(**row)

    def in_force(self) -> InForce:
        """By Postgres's clock."""
        rows = self._connection.execute(statement("overrides_in_force")).mappings()
        found: dict[str, dict[str, Override]] = {}
        for row in rows:
            found.setdefault(row["scope"], {})[row["window"]] = Override(**row)
        return found

    def history(self, scope: str | None = None, limit: int = 100) -> list[Override]:
        """The newest first."""
        query = _READ.order_by(budget_overrides.c.id.desc()).limit(limit)
        if scope is not None:
            query = query.where(budget_overrides.c.scope == scope)
        return [Override(**row) for row in self._connection.execute(query).mappings()]


class FreshOverrides:
    """The overrides in force, for many threads: at most `FRESH_SECONDS` old.

    No lock: whoever finds it old asks, with the connection that it has, and nobody waits for a connection of somebody
    else's.
    """

    def __init__(self) -> None:
        self._kept: tuple[float, InForce] | None = None

    def of(self, scope: str, read: Callable[[], InForce]) -> Mapping[str, Override]:
        """By window. `read` is asked when nothing fresh is known; its errors are the caller's."""
        now, kept = time.monotonic(), self._kept
        if kept is None or now - kept[0] >= FRESH_SECONDS:
            self._kept = kept = (now, read())
        return kept[1].get(scope, {})
