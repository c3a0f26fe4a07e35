"""Stores the latest limits that providers' answers named for each scope, without enforcing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.schema.tables import learned_limits


@dataclass(frozen=True, slots=True)
class LearnedLimit:
    """A limit that a provider named. `name` is the word of the settings: rpm, tpm, itpm, otpm."""

    name: str
    limit: int
    learned_at: datetime


class LearnedLimits:
    """Reads and writes learned limits within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def learn(self, scope: str, limits: Mapping[str, int]) -> None:
        rows = [{"scope": scope, "name": name, "limit": limit} for name, limit in sorted(limits.items())]
        query = insert(learned_limits).values(rows)
        changed = {"limit": query.excluded.limit, "learned_at": func.now()}
        self._connection.execute(query.on_conflict_do_update(index_elements=["scope", "name"], set_=changed))

    def of(self, scope: str) -> list[LearnedLimit]:
        columns = (learned_limits.c[name] for name in LearnedLimit.__slots__)
        query = select(*columns).where(learned_limits.c.scope == scope).order_by(learned_limits.c.name)
        return [LearnedLimit(**row) for row in self._connection.execute(query).mappings()]
