"""Stores schedules: when each fires next, what it runs, and whether it is paused."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.errors import InvalidInput, NotFound
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.store.schema.schedule_tables import schedules
from botticelli.store.schema.statements import statement


@dataclass(frozen=True, slots=True)
class StoredNarrative:
    """Narrative of a schedule: `snapshot` is None for a live one, which is read from `source` each time."""

    narrative: str
    source: str
    snapshot: Mapping[str, Any] | None
    media: Sequence[str] = ()
    demands: Sequence[Mapping[str, Any]] = ()
    applied_from: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A row of `schedules`, without the snapshot. `next_at` is None once no time is ahead."""

    id: str
    name: str
    narrative: str
    source: str
    request: Mapping[str, Any]
    applied_from: str | None
    crons: Sequence[str]
    every_seconds: float | None
    anchor: datetime | None
    timezone: str
    exclude: Sequence[str]
    starts_at: datetime | None
    ends_at: datetime | None
    jitter_seconds: float
    overlap: str
    catch_up: str
    catch_up_seconds: float
    max_runs: int | None
    remaining: int | None
    pause_after_failures: int | None
    paused_at: datetime | None
    paused_by: str | None
    pause_note: str | None
    resumed_at: datetime | None
    last_nominal: datetime
    next_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    now: datetime
    """The time of Postgres's clock when the row was read."""
    live: bool = False

    @property
    def tenant(self) -> str | None:
        """Whose it is. Two tenants may have schedules of the same name."""
        tenant: str | None = self.request.get("tenant")
        return tenant

    @property
    def definition(self) -> ScheduleDefinition:
        """Its definition, as its author wrote it."""
        names = ScheduleDefinition.model_fields
        return ScheduleDefinition.model_validate({name: getattr(self, name) for name in names})

    @property
    def pause(self) -> str | None:
        """Why it is paused, in a few words; None when it is not."""
        if self.paused_at is None:
            return None
        return f"paused by {self.paused_by}" + (f": {self.pause_note}" if self.pause_note else "")


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule with something to do. `is_timed` is False when only a buffered time can start."""

    id: str
    version: int
    is_timed: bool


_READ_ONLY = ("now", "live")
_COLUMNS = [schedules.c[field.name] for field in fields(Schedule) if field.name not in _READ_ONLY]
_READ = select(*_COLUMNS, func.now().label("now"), schedules.c.snapshot.is_(None).label("live"))
_DEFINED = [name for name in ScheduleDefinition.model_fields if name not in ("name", "live")]
"""Fields of a definition that are columns of the same name."""


class Schedules:
    """Reads and writes schedules within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def now(self) -> datetime:
        """Return the time of Postgres's clock at which this transaction began."""
        now: datetime = self._connection.execute(select(func.now())).scalar_one()
        return now

    def insert(
        self, schedule_id: str, definition: ScheduleDefinition, stored: StoredNarrative, next_at: datetime | None
    ) -> bool:
        """Insert a schedule that counts its times from now on; False when its tenant has one of the name."""
        values = {"id": schedule_id, "name": definition.name, "remaining": definition.max_runs, "next_at": next_at}
        values |= _columns(definition, stored)
        new = insert(schedules).values(**values, last_nominal=func.now(), created_at=func.now())
        return self._connection.execute(new.on_conflict_do_nothing()).rowcount == 1

    def define(
        self, old: Schedule, definition: ScheduleDefinition, stored: StoredNarrative, next_at: datetime | None
    ) -> None:
        """Replace the definition of a locked schedule. Its firings, its pause and its last time stay."""
        values = {**_columns(definition, stored), "next_at": next_at, "remaining": _remaining(old, definition)}
        self.set(old.id, **values, version=schedules.c.version + 1, updated_at=func.now())

    def set(self, schedule_id: str, **values: Any) -> None:
        """Write columns of one schedule; values may be SQL expressions."""
        self._connection.execute(update(schedules).where(schedules.c.id == schedule_id).values(**values))

    def delete(self, schedule_id: str) -> None:
        """Delete a schedule with its firings; its runs stay."""
        self._connection.execute(delete(schedules).where(schedules.c.id == schedule_id))

    def due(self, limit: int) -> list[DueSchedule]:
        """List schedules with a time that is due, or with a buffered time that nothing holds up."""
        rows = self._connection.execute(statement("due_schedules"), {"limit": limit})
        return [DueSchedule(row.id, row.version, row.is_timed) for row in rows]

    def lock_due(self, due: DueSchedule) -> Schedule | None:
        """Read and lock a schedule; None when it is gone or changed, or another process holds it or has fired it."""
        query = _READ.where(schedules.c.id == due.id, schedules.c.version == due.version)
        query = query.where(schedules.c.next_at <= func.now()) if due.is_timed else query
        return self._first(query.with_for_update(skip_locked=True))

    def get(self, schedule_id: str) -> Schedule | None:
        return self._first(_READ.where(schedules.c.id == schedule_id))

    def named(self, name: str) -> Schedule:
        """Read a schedule by its name, or by its id. Raises NotFound, and InvalidInput when several tenants have the name."""
        return self._by_name(name, _READ)

    def lock(self, name: str) -> Schedule:
        """Read a schedule as `named` does, and lock it until this transaction ends."""
        return self._by_name(name, _READ.with_for_update())

    def find(self, name: str, tenant: str | None) -> Schedule | None:
        """Read and lock the schedule of a tenant, or of none; None when there is none of that name."""
        owned = schedules.c.tenant.is_not_distinct_from(tenant)
        return self._first(_READ.where(schedules.c.name == name, owned).with_for_update())

    def all(self) -> list[Schedule]:
        """List all schedules by name."""
        return self._list(_READ.order_by(schedules.c.name, schedules.c.id))

    def stored(self, schedule_id: str) -> StoredNarrative:
        """Read what a schedule runs."""
        columns = [schedules.c[field.name] for field in fields(StoredNarrative)]
        row = self._connection.execute(select(*columns).where(schedules.c.id == schedule_id)).mappings().one()
        return StoredNarrative(**row)

    def _list(self, query: Select[Any]) -> list[Schedule]:
        return [Schedule(**row) for row in self._connection.execute(query).mappings()]

    def _first(self, query: Select[Any]) -> Schedule | None:
        row = self._connection.execute(query).mappings().first()
        return None if row is None else Schedule(**row)

    def _by_name(self, name: str, query: Select[Any]) -> Schedule:
        given = or_(schedules.c.name == name, schedules.c.id == name)
        matching = self._list(query.where(given).order_by(schedules.c.tenant.nulls_first()))
        if not matching:
            names = self._connection.execute(select(schedules.c.name).order_by(schedules.c.name)).scalars()
            near = difflib.get_close_matches(name, list(names), 1)
            do = f"did you mean {near[0]}?" if near else "see `botticelli schedules list`"
            raise NotFound(f"there is no schedule {name[:80]!r}", do=do)
        if len(matching) > 1 and matching[0].tenant is not None:
            ids = ", ".join(f"{schedule.id} of {schedule.tenant}" for schedule in matching[:5])
            raise InvalidInput(f"{len(matching)} tenants have a schedule {name!r}", do=f"give its id: {ids}")
        return matching[0]


def _columns(definition: ScheduleDefinition, stored: StoredNarrative) -> dict[str, Any]:
    values = {name: getattr(definition, name) for name in _DEFINED}
    values |= {"crons": list(definition.crons), "exclude": list(definition.exclude)}
    values |= {field.name: getattr(stored, field.name) for field in fields(stored)}
    return values | {"media": list(stored.media), "demands": list(stored.demands)}


def _remaining(old: Schedule, definition: ScheduleDefinition) -> int | None:
    """Return how many runs a changed schedule may still start: those that it has started count."""
    if definition.max_runs is None:
        return None
    started = 0 if old.max_runs is None or old.remaining is None else old.max_runs - old.remaining
    return max(0, definition.max_runs - started)
