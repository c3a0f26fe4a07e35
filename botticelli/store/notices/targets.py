"""Stores the state of each target of notices: since when it is known, whether it is off, and which thread delivers to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text, update

from botticelli.store.schema.notice_tables import notice_targets
from botticelli.store.schema.statements import statement
from botticelli.untrusted.storable import storable


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target as the database knows it. `not_before`: the receiver asked to be left alone until then."""

    name: str
    since: datetime
    off_at: datetime | None
    off_reason: str | None
    not_before: datetime | None


class NoticeTargets:
    """Reads and writes the states of targets within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def register(self, name: str, fingerprint: str) -> None:
        """Make a target known. A changed `fingerprint` switches it on again."""
        self._connection.execute(statement("register_notice_target"), {"name": name, "fingerprint": fingerprint})

    def due(self, names: Iterable[str]) -> list[str]:
        """List those of the targets to which something can be delivered now."""
        return list(self._connection.execute(statement("due_notice_targets"), {"names": list(names)}).scalars())

    def hold(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a target for one thread of deliveries; False when it can't be delivered to now."""
        values = {"name": name, "holder": holder, "seconds": seconds}
        return self._connection.execute(statement("hold_notice_target"), values).first() is not None

    def release(self, name: str, holder: str) -> None:
        mine = (notice_targets.c.name == name, notice_targets.c.holder == holder)
        self._connection.execute(update(notice_targets).where(*mine).values(holder=None, held_until=None))

    def postpone(self, name: str, seconds: float) -> None:
        """Leave a target alone, as its receiver asked."""
        wait = text("now() + make_interval(secs => :seconds)").bindparams(seconds=seconds)
        self._connection.execute(update(notice_targets).where(notice_targets.c.name == name).values(not_before=wait))

    def switch_off(self, name: str, reason: str) -> None:
        """Deliver nothing more to a target; its notices wait."""
        mine = (notice_targets.c.name == name, notice_targets.c.off_at.is_(None))
        values = {"off_at": func.now(), "off_reason": storable(reason)}
        self._connection.execute(update(notice_targets).where(*mine).values(values))

    def switch_on(self, name: str) -> None:
        """Deliver to a target again; what waits for it is due now."""
        values = {"off_at": None, "off_reason": None, "not_before": None}
        self._connection.execute(update(notice_targets).where(notice_targets.c.name == name).values(values))

    def states(self) -> dict[str, TargetState]:
        """Return the states of all targets that were ever known, by name."""
        columns = [notice_targets.c[name] for name in TargetState.__slots__]
        rows = self._connection.execute(select(*columns).order_by(notice_targets.c.name)).mappings()
        return {row["name"]: TargetState(**row) for row in rows}
