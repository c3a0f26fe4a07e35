"""The effect ledger: what was announced, done or left in the dark outside. Calls no platform."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select, update

from botticelli.errors import InvalidInput, NotFound
from botticelli.store.sql import statement
from botticelli.store.storable import storable
from botticelli.store.tables import effects

Resolution = Literal["done", "retry", "abandon"]


@dataclass(frozen=True, slots=True)
class Intent:
    """What to announce. The same `key` is the same effect, whichever worker tries it. `capture` says under which keys of
    state its id belongs, for when a person says that it was done."""

    key: str
    run_id: str
    number: int
    act: str
    platform: str
    command: str
    args: Mapping[str, Any]
    fence: int
    capture: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EffectRecord:
    """`tries` is 0 for an effect that has just been announced for the first time; `age_seconds` is
    counted from the first announcement; `earlier` and `resolution` are as they were before this one."""

    status: str
    output: Any
    error: str | None
    tries: int
    intended_at: datetime
    age_seconds: float
    resolution: str | None = None
    earlier: str | None = None


class Effects:
    """The repository of effects, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def intend(self, intent: Intent) -> EffectRecord:
        values = {name: getattr(intent, name) for name in Intent.__slots__} | {
            "args": json.dumps(storable(intent.args)),
            "capture": None if intent.capture is None else json.dumps(storable(intent.capture)),
        }
        return EffectRecord(**self._connection.execute(statement("intend_effect"), values).mappings().one())

    def withdraw(self, key: str) -> None:
        """It was announced and then not tried: the next try counts as this one."""
        mine = (effects.c.key == key, effects.c.status == "intended")
        self._connection.execute(update(effects).where(*mine).values(tries=effects.c.tries - 1))

    def is_announced(self, key: str) -> bool:
        return self._connection.execute(select(effects.c.key).where(effects.c.key == key)).first() is not None

    def finish(self, key: str, status: str, *, output: Any = None, error: str | None = None) -> None:
        """`status` is done, failed or unknown."""
        values = {"status": status, "output": storable(output), "error": storable(error), "finished_at": func.now()}
        self._connection.execute(update(effects).where(effects.c.key == key).values(values))

    def of_numbers(self, run_id: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Of these iterations, in the order in which they were announced."""
        query = select(effects).where(effects.c.run_id == run_id, effects.c.number.in_(numbers))
        query = query.order_by(effects.c.intended_at, effects.c.key)
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def taken_ids(self, platform: str, command: str, since: datetime) -> frozenset[str]:
        """Ids that other effects of this command have brought."""
        values = {"platform": platform, "command": command, "since": since}
        return frozenset(self._connection.execute(statement("taken_ids"), values).scalars())

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """Rows in the order in which they were announced."""
        query = select(effects).where(effects.c.run_id == run_id).order_by(effects.c.intended_at, effects.c.key)
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def recent(self, *, status: str | None = None, run_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """The newest first."""
        query = select(effects).order_by(effects.c.intended_at.desc(), effects.c.key).limit(limit)
        if status is not None:
            query = query.where(effects.c.status == status)
        if run_id is not None:
            query = query.where(effects.c.run_id == run_id)
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def find(self, prefix: str, *, lock: bool = False) -> dict[str, Any]:
        """The one effect whose key begins so. NotFound for none or several."""
        query = select(effects).where(effects.c.key.startswith(prefix, autoescape=True)).limit(2)
        found = list(self._connection.execute(query.with_for_update() if lock else query).mappings())
        if len(found) > 1:
            raise NotFound(f"several effects begin with {prefix!r}", do="give more of the id")
        if not found or not prefix:
            raise NotFound(f"there is no effect {prefix!r}", do="see `botticelli effects`")
        return dict(found[0])

    def resolve(self, key: str, resolution: Resolution, *, by: str, data: Any = None) -> None:
        """What a person says of an effect of unknown outcome. InvalidInput unless it is one."""
        status = "done" if resolution == "done" else "failed"
        error = {"done": None, "retry": "to be tried again", "abandon": f"given up by {by}"}[resolution]
        values = {"status": status, "output": storable(data), "error": error, "resolution": resolution}
        query = update(effects).where(effects.c.key == key, effects.c.status == "unknown")
        changed = self._connection.execute(query.values(**values, resolved_by=by, resolved_at=func.now()))
        if changed.rowcount == 0:
            raise InvalidInput(f"effect {key} is not unknown", do="only unknown effects are resolved by hand")
