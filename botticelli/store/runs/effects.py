"""The effect ledger: what was announced, done or left in the dark outside. Calls no platform."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from botticelli.errors import InvalidInput, NotFound
from botticelli.store.runs.runs import FINAL
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import effects, iterations, runs
from botticelli.untrusted.storable import storable

Resolution = Literal["done", "retry", "abandon"]
Decision = Literal["approved", "rejected"]
UNDECIDED = ("waiting", "approved", "rejected")
"""Of an effect that hangs on a person's word and has not begun."""


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect to announce.

    The same `key` is the same effect, whichever worker tries it. `capture` says under which keys of state its id
    belongs, for when a person says that it was done.
    """

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
    """An effect as the ledger had it before this announcement.

    `tries` is 0 for an effect that has just been announced for the first time; `age_seconds` is counted from the first
    announcement; `earlier` and `resolution` are as they were before this one.
    """

    status: str
    output: Any
    error: str | None
    tries: int
    intended_at: datetime
    age_seconds: float
    resolution: str | None = None
    earlier: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Whether an effect may be performed, and what was answered.

    `status` is waiting, approved or rejected, or that of an effect that has begun.
    """

    status: str
    decided_by: str | None
    decision_reason: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Begun:
    """How many effects have begun; `free_seconds`: until there is one less in the hour."""

    of_run: int
    of_hour: int
    free_seconds: float | None


@dataclass(frozen=True, slots=True)
class Twin:
    """An effect of unknown outcome that would make the same as another one. `is_held`: a worker may still be at it."""

    key: str
    run_id: str
    act: str
    args: Mapping[str, Any]
    intended_at: datetime
    age_seconds: float
    is_held: bool


class Effects:
    """The repository of effects, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def intend(self, intent: Intent) -> EffectRecord:
        return EffectRecord(**self._connection.execute(statement("intend_effect"), _values(intent)).mappings().one())

    def ask(self, intent: Intent, valid_seconds: float) -> Question:
        """Whether it may be performed; the question is open for so long."""
        values = _values(intent) | {"seconds": valid_seconds}
        return Question(**self._connection.execute(statement("ask_effect"), values).mappings().one())

    def decide(self, key: str, decision: Decision, *, by: str, reason: str, valid_seconds: float) -> bool:
        """False when nothing is asked, or nothing any more."""
        values = {"key": key, "status": decision, "by": by, "reason": storable(reason), "seconds": valid_seconds}
        return self._connection.execute(statement("decide_effect"), values).first() is not None

    def begun(self, run_id: str, key: str) -> Begun:
        """Without the one of that key. No other counts until this transaction ends."""
        self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("effects", 0))))
        row = self._connection.execute(statement("count_effects"), {"run_id": run_id, "key": key}).mappings().one()
        free = None if row["free_seconds"] is None else float(row["free_seconds"])
        return Begun(row["of_run"], row["of_hour"], free)

    def status_of(self, key: str) -> str | None:
        """None for one that was never announced."""
        return self._connection.execute(select(effects.c.status).where(effects.c.key == key)).scalar()

    def withdraw(self, key: str) -> None:
        """It was announced and then not tried: the next try counts as this one."""
        mine = (effects.c.key == key, effects.c.status == "intended")
        self._connection.execute(update(effects).where(*mine).values(tries=effects.c.tries - 1))

    def is_announced(self, key: str) -> bool:
        """Whether it has begun."""
        status = self.status_of(key)
        return status is not None and status not in UNDECIDED

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

    def twins(self, key: str, platform: str, command: str, *, place: str, name: str) -> list[Twin]:
        """Those that were announced and not recorded, for something of this name in this place; the oldest first."""
        values = {"key": key, "platform": platform, "command": command, "place": place, "name": name}
        return [Twin(**row) for row in self._connection.execute(statement("effect_twins"), values).mappings()]

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """Rows in the order in which they were announced."""
        query = select(effects).where(effects.c.run_id == run_id).order_by(effects.c.intended_at, effects.c.key)
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def recent(
        self,
        *,
        status: str | None = None,
        run_id: str | None = None,
        narrative: str | None = None,
        limit: int = 50,
    ) -> list[dict[str, Any]]:
        """The newest first."""
        query = select(effects).order_by(effects.c.intended_at.desc(), effects.c.key).limit(limit)
        if status is not None:
            query = query.where(effects.c.status == status)
        if run_id is not None:
            query = query.where(effects.c.run_id == run_id)
        if narrative is not None:
            query = query.where(effects.c.run_id.in_(select(runs.c.id).where(runs.c.narrative == narrative)))
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def waiting(self, *, run_id: str | None = None, narrative: str | None = None) -> list[dict[str, Any]]:
        """List the effects that a person can approve or reject now.

        Those that a person can approve or reject now, with their run's narrative and rehearsal; the first asked first.
        Left out are questions that have run out, and those of runs that are over.
        """
        open_ones = (effects.c.status == "waiting", effects.c.expires_at > func.now(), runs.c.status.not_in(FINAL))
        query = select(effects, runs.c.narrative, runs.c.rehearse).join(runs, runs.c.id == effects.c.run_id)
        query = query.where(*open_ones).order_by(effects.c.intended_at, effects.c.key)
        if run_id is not None:
            query = query.where(effects.c.run_id == run_id)
        if narrative is not None:
            query = query.where(runs.c.narrative == narrative)
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
        """Record what a person says of an effect of unknown outcome.

        What a person says of an effect of unknown outcome: also of one that was announced, when its iteration has ended
        without a word about it. InvalidInput unless it is one.
        """
        status = "done" if resolution == "done" else "failed"
        error = {"done": None, "retry": "to be tried again", "abandon": f"given up by {by}"}[resolution]
        values = {"status": status, "output": storable(data), "error": error, "resolution": resolution}
        query = update(effects).where(effects.c.key == key, or_(effects.c.status == "unknown", _forgotten()))
        changed = self._connection.execute(query.values(**values, resolved_by=by, resolved_at=func.now()))
        if changed.rowcount == 0:
            row = self.find(key)
            do = "only effects of unknown outcome are resolved by hand"
            if row["status"] == "intended":
                do = f"its iteration is still at it: wait, or stop it with `botticelli runs cancel {row['run_id']}`"
            raise InvalidInput(f"effect {key} is {row['status']}", do=do)


def _forgotten() -> ColumnElement[bool]:
    """Announced by an iteration that nobody performs any more."""
    same = iterations.c.run_id == effects.c.run_id, iterations.c.number == effects.c.number
    held = exists().where(*same, iterations.c.status == "running")
    return and_(effects.c.status == "intended", ~held)


def _values(intent: Intent) -> dict[str, Any]:
    return {name: getattr(intent, name) for name in Intent.__slots__} | {
        "args": json.dumps(storable(intent.args)),
        "capture": None if intent.capture is None else json.dumps(storable(intent.capture)),
    }
