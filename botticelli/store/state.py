"""State: the durable keys that narratives read and write. Knows nothing of templates or look-up order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.storable import storable
from botticelli.store.tables import narrative_state as table


@dataclass(frozen=True, slots=True)
class StateEntry:
    """A value with its dates. `value` is any JSON."""

    value: Any
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    metadata: Mapping[str, Any]


def escape_segment(text: str) -> str:
    """One segment of a key: `%` and `.` are written as `%25` and `%2E`, so that a channel called `a.b` can't collide."""
    return text.replace("%", "%25").replace(".", "%2E")


class StateRepository:
    """The repository of state, within one transaction. Expired entries are invisible."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> StateEntry | None:
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        """Those of `keys` that exist."""
        return self._read(table.c.key.in_(keys))

    def set(
        self, key: str, value: Any, *, ttl_seconds: float | None = None, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Create or replace. A replaced entry keeps its `created_at`; an expired one counts as created anew."""
        expires = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, ttl_seconds) if ttl_seconds is not None else None
        new = {"value": storable(value), "expires_at": expires, "metadata": dict(metadata or {})}
        statement = insert(table).values(key=key, **new, created_at=func.now(), updated_at=func.clock_timestamp())
        born = case((table.c.expires_at <= func.now(), func.now()), else_=table.c.created_at)
        replaced = new | {"created_at": born, "updated_at": func.clock_timestamp()}
        self._connection.execute(statement.on_conflict_do_update(index_elements=[table.c.key], set_=replaced))

    def delete(self, key: str) -> bool:
        return self._connection.execute(delete(table).where(table.c.key == key)).rowcount > 0

    def list_with_prefix(self, prefix: str) -> dict[str, StateEntry]:
        """By key. A prefix is a run of whole segments: `discord.1` finds itself and what is below it, never
        `discord.10.x`; with a dot at its end only what is below it; empty finds everything."""
        return self._read(_below(prefix))

    def some_keys(self, limit: int = 10_000) -> list[str]:
        """Keys without their values, for suggestions."""
        return list(self._connection.execute(select(table.c.key).order_by(table.c.key).limit(limit)).scalars())

    def clear_with_prefix(self, prefix: str) -> int:
        """How many entries are gone."""
        return self._connection.execute(delete(table).where(_below(prefix))).rowcount

    def sweep(self) -> int:
        """Remove what has expired."""
        return self._connection.execute(delete(table).where(table.c.expires_at <= func.now())).rowcount

    def _read(self, condition: ColumnElement[bool]) -> dict[str, StateEntry]:
        alive = or_(table.c.expires_at.is_(None), table.c.expires_at > func.now())
        query = select(table).where(condition, alive).order_by(table.c.key)
        return {
            row.key: StateEntry(row.value, row.created_at, row.updated_at, row.expires_at, row.metadata)
            for row in self._connection.execute(query)
        }


def _below(prefix: str) -> ColumnElement[bool]:
    if not prefix:
        return table.c.key.is_not(None)
    return or_(table.c.key == prefix, table.c.key.startswith(prefix.rstrip(".") + ".", autoescape=True))
