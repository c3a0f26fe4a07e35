"""Stores the effects of runs on platforms: announced, done, failed or of unknown outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, or_, select, tuple_, update

from botticelli.errors import InvalidInput, NotFound
from botticelli.statuses import FINAL, UNDECIDED, Decision, EffectStatus, Resolution
from botticelli.store.runs.effect_rows import (
    ApprovalRequest,
    ConflictingEffect,
    Effect,
    EffectCount,
    EffectRecord,
    Intent,
    WaitingEffect,
)
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import effects, iterations, runs
from botticelli.untrusted.storable import storable

_READ = select(*(effects.c[name] for name in Effect.__slots__))


class Effects:
    """Reads and writes effects within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record_intent(self, intent: Intent) -> EffectRecord:
        """Announce an effect before it is tried."""
        return EffectRecord(**self._connection.execute(statement("record_intent"), _values(intent)).mappings().one())

    def ask(self, intent: Intent, valid_seconds: float) -> ApprovalRequest:
        """Request an approval, which can be given within `valid_seconds`; return its state."""
        values = _values(intent) | {"seconds": valid_seconds}
        return ApprovalRequest(**self._connection.execute(statement("request_approval"), values).mappings().one())

    def decide(
        self,
        key: str,
        decision: Decision,
        *,
        by: str,
        reason: str,
        valid_seconds: float,
        args: Mapping[str, Any] | None = None,
    ) -> bool:
        """Approve or reject an effect; False when no request is open. An approval is valid for `valid_seconds`.

        `args` replace the prepared arguments.
        """
        values = {"key": key, "status": decision, "by": by, "reason": storable(reason), "seconds": valid_seconds}
        values |= {"args": None if args is None else json.dumps(storable(args))}
        return self._connection.execute(statement("decide_effect"), values).first() is not None

    def begun(self, run_id: str, key: str) -> EffectCount:
        """Count the effects that have begun, except `key`. No other transaction counts until this one ends."""
        self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("effects", 0))))
        row = self._connection.execute(statement("count_effects"), {"run_id": run_id, "key": key}).mappings().one()
        free = None if row["free_seconds"] is None else float(row["free_seconds"])
        return EffectCount(row["of_run"], row["of_hour"], free)

    def status_of(self, key: str) -> EffectStatus | None:
        """Return the status of an effect; None when it was never announced."""
        status: EffectStatus | None
        status = self._connection.execute(select(effects.c.status).where(effects.c.key == key)).scalar()
        return status

    def standing(self, key: str) -> tuple[EffectStatus | None, Mapping[str, Any] | None]:
        """Return the status of an effect, and its arguments if they were edited; None for what there is not."""
        columns = (effects.c.status, effects.c.args, effects.c.prepared_args)
        row = self._connection.execute(select(*columns).where(effects.c.key == key)).first()
        return (None, None) if row is None else (row.status, None if row.prepared_args is None else row.args)

    def withdraw(self, key: str) -> None:
        """Take one try back from an effect that was announced but not tried."""
        mine = (effects.c.key == key, effects.c.status == "intended")
        self._connection.execute(update(effects).where(*mine).values(tries=effects.c.tries - 1))

    def is_announced(self, key: str) -> bool:
        """Return whether the effect has begun."""
        status = self.status_of(key)
        return status is not None and status not in UNDECIDED

    def finish(
        self, key: str, status: Literal["done", "failed", "unknown"], *, output: Any = None, error: str | None = None
    ) -> None:
        """Record the end of an effect."""
        values = {"status": status, "output": storable(output), "error": storable(error), "finished_at": func.now()}
        self._connection.execute(update(effects).where(effects.c.key == key).values(values))

    def of_numbers(self, run_id: str, numbers: Sequence[int]) -> list[Effect]:
        """List the effects of these iterations in the order of their announcement."""
        query = _READ.where(effects.c.run_id == run_id, effects.c.number.in_(numbers))
        return self._read(query.order_by(effects.c.intended_at, effects.c.key))

    def taken_ids(self, platform: str, command: str, since: datetime) -> frozenset[str]:
        """Return the ids of objects that done effects of this command have created since about `since`."""
        values = {"platform": platform, "command": command, "since": since}
        return frozenset(self._connection.execute(statement("taken_ids"), values).scalars())

    def conflicting(self, key: str, platform: str, command: str, *, place: str, name: str) -> list[ConflictingEffect]:
        """List unfinished effects, except `key`, that create this name in this place; the oldest first."""
        values = {"key": key, "platform": platform, "command": command, "place": place, "name": name}
        return [
            ConflictingEffect(**row)
            for row in self._connection.execute(statement("conflicting_effects"), values).mappings()
        ]

    def of_run(self, run_id: str, *statuses: EffectStatus) -> list[Effect]:
        """List the effects of a run, or those with one of `statuses`, in the order of their announcement."""
        query = _READ.where(effects.c.run_id == run_id)
        query = query.where(effects.c.status.in_(statuses)) if statuses else query
        return self._read(query.order_by(effects.c.intended_at, effects.c.key))

    def recent(
        self,
        *,
        status: EffectStatus | None = None,
        run_id: str | None = None,
        narrative: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> list[Effect]:
        """List effects, newest first; with `before`, only those after the effect with this time and key."""
        query = _READ.order_by(effects.c.intended_at.desc(), effects.c.key.desc()).limit(limit)
        if before is not None:
            query = query.where(tuple_(effects.c.intended_at, effects.c.key) < tuple_(*map(literal, before)))
        if status is not None:
            query = query.where(effects.c.status == status)
        if run_id is not None:
            query = query.where(effects.c.run_id == run_id)
        if narrative is not None:
            query = query.where(effects.c.run_id.in_(select(runs.c.id).where(runs.c.narrative == narrative)))
        return self._read(query)

    def waiting(self, *, run_id: str | None = None, narrative: str | None = None) -> list[WaitingEffect]:
        """List the effects that can be approved or rejected now, oldest first.

        Expired requests, and those of runs that have ended, are left out.
        """
        is_open = (effects.c.status == "waiting", effects.c.expires_at > func.now(), runs.c.status.not_in(FINAL))
        query = _READ.add_columns(runs.c.narrative, runs.c.rehearse).join(runs, runs.c.id == effects.c.run_id)
        query = query.where(*is_open).order_by(effects.c.intended_at, effects.c.key)
        if run_id is not None:
            query = query.where(effects.c.run_id == run_id)
        if narrative is not None:
            query = query.where(runs.c.narrative == narrative)
        return [WaitingEffect(**row) for row in self._connection.execute(query).mappings()]

    def find(self, prefix: str, *, lock: bool = False) -> Effect:
        """Return the only effect whose key begins with `prefix`. Raises NotFound for none or several."""
        query = _READ.where(effects.c.key.startswith(prefix, autoescape=True)).limit(2)
        rows = self._read(query.with_for_update() if lock else query)
        if len(rows) > 1:
            raise NotFound(f"several effects begin with {prefix!r}", do="give more of the id")
        if not rows or not prefix:
            raise NotFound(f"there is no effect {prefix!r}", do="see `botticelli effects`")
        return rows[0]

    def capture_of(self, key: str) -> Mapping[str, Any] | None:
        """Return the kind, name and state keys of the id that the effect captures; None when it captures none."""
        capture: Mapping[str, Any] | None
        capture = self._connection.execute(select(effects.c.capture).where(effects.c.key == key)).scalar()
        return capture

    def resolve(self, key: str, resolution: Resolution, *, by: str, data: Any = None) -> None:
        """Record how a person resolves an effect of unknown outcome.

        An effect that was announced counts as unknown once its iteration is no longer running. Raises InvalidInput for
        any other effect.
        """
        status: EffectStatus = "done" if resolution == "done" else "failed"
        error = {"done": None, "retry": "to be tried again", "abandon": f"given up by {by}"}[resolution]
        values = {"status": status, "output": storable(data), "error": error, "resolution": resolution}
        query = update(effects).where(effects.c.key == key, or_(effects.c.status == "unknown", _forgotten()))
        changed = self._connection.execute(query.values(**values, resolved_by=by, resolved_at=func.now()))
        if changed.rowcount == 0:
            effect = self.find(key)
            do = "only effects of unknown outcome are resolved by hand"
            if effect.status == "intended":
                do = f"its iteration is still running: wait, or stop it with `botticelli runs cancel {effect.run_id}`"
            raise InvalidInput(f"effect {key} is {effect.status}", do=do)

    def _read(self, query: Select[Any]) -> list[Effect]:
        return [Effect(**row) for row in self._connection.execute(query).mappings()]


def _forgotten() -> ColumnElement[bool]:
    """Select effects that were announced by an iteration that is no longer running."""
    same = iterations.c.run_id == effects.c.run_id, iterations.c.number == effects.c.number
    held = exists().where(*same, iterations.c.status == "running")
    return and_(effects.c.status == "intended", ~held)


def _values(intent: Intent) -> dict[str, Any]:
    return {name: getattr(intent, name) for name in Intent.__slots__} | {
        "args": json.dumps(storable(intent.args)),
        "capture": None if intent.capture is None else json.dumps(storable(intent.capture)),
    }
