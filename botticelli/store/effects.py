"""The effect ledger: what was announced, done or left in the dark outside. Calls no platform."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from botticelli.store.sql import statement
from botticelli.store.storable import storable
from botticelli.store.tables import effects


@dataclass(frozen=True, slots=True)
class Intent:
    """What to announce. The same `key` is the same effect, whichever worker tries it."""

    key: str
    run_id: str
    number: int
    act: str
    platform: str
    command: str
    args: Mapping[str, Any]
    fence: int


@dataclass(frozen=True, slots=True)
class EffectRecord:
    """`tries` is 0 for an effect that has just been announced for the first time."""

    status: str
    output: Any
    error: str | None
    tries: int


class Effects:
    """The repository of effects, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def intend(self, intent: Intent) -> EffectRecord:
        values = {name: getattr(intent, name) for name in Intent.__slots__} | {
            "args": json.dumps(storable(intent.args))
        }
        return EffectRecord(**self._connection.execute(statement("intend_effect"), values).mappings().one())

    def withdraw(self, key: str) -> None:
        """It was announced and then not tried: the next try counts as this one."""
        mine = (effects.c.key == key, effects.c.status == "intended")
        self._connection.execute(update(effects).where(*mine).values(tries=effects.c.tries - 1))

    def finish(self, key: str, status: str, *, output: Any = None, error: str | None = None) -> None:
        """`status` is done, failed or unknown."""
        values = {"status": status, "output": storable(output), "error": storable(error), "finished_at": func.now()}
        self._connection.execute(update(effects).where(effects.c.key == key).values(values))

    def of_numbers(self, run_id: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Of these iterations, in the order in which they were announced."""
        query = select(effects).where(effects.c.run_id == run_id, effects.c.number.in_(numbers))
        query = query.order_by(effects.c.intended_at, effects.c.key)
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """Rows in the order in which they were announced."""
        query = select(effects).where(effects.c.run_id == run_id).order_by(effects.c.intended_at, effects.c.key)
        return [dict(row) for row in self._connection.execute(query).mappings()]
