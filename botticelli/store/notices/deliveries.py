"""Stores the deliveries of notices: one for each notice and target, with its attempts and its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.errors import NotFound
from botticelli.store.notices.outbox import Notice
from botticelli.store.schema.notice_tables import notice_deliveries, notices
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import effects
from botticelli.untrusted.storable import storable

DeliveryStatus = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery to attempt. `attempts` were made before; `now` is Postgres's clock in seconds since 1970."""

    notice: Notice
    target: str
    attempts: int
    now: float


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery with what it tells. `answer` is the last status of HTTP, `error` why the last attempt failed."""

    notice_id: str
    target: str
    type: str
    narrative: str | None
    run_id: str | None
    status: DeliveryStatus
    attempts: int
    answer: int | None
    error: str | None
    created_at: datetime
    due_at: datetime
    attempted_at: datetime | None
    finished_at: datetime | None


class Deliveries:
    """Reads and writes deliveries within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take_new(self, limit: int) -> list[Notice]:
        """Take notices that no target was chosen for; they are marked as fanned out."""
        rows = self._connection.execute(statement("new_notices"), {"limit": limit}).mappings()
        return sorted((Notice(**row) for row in rows), key=lambda notice: notice.created_at)

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add deliveries of notices to targets, due now. One that exists stays as it is."""
        rows = [{"notice_id": notice_id, "target": target} for notice_id, target in pairs]
        if rows:
            self._connection.execute(insert(notice_deliveries).values(rows).on_conflict_do_nothing())

    def next_due(self, target: str) -> DueDelivery | None:
        """Return the delivery that has been due for longest; None when none is due."""
        row = self._connection.execute(statement("next_delivery"), {"target": target}).mappings().first()
        if row is None:
            return None
        notice = Notice(**{name: row[name] for name in Notice.__slots__})
        return DueDelivery(notice, target, row["attempts"], row["now"])

    def record(
        self,
        due: DueDelivery,
        status: DeliveryStatus,
        *,
        answer: int | None = None,
        error: str | None = None,
        wait_seconds: float | None = None,
        receipt: str | None = None,
    ) -> bool:
        """Record an attempt; False when another thread has recorded it already."""
        values = {"notice_id": due.notice.id, "target": due.target, "attempts": due.attempts, "status": status}
        values |= {"answer": answer, "error": storable(error), "wait_seconds": wait_seconds}
        values |= {"receipt": receipt}
        return self._connection.execute(statement("record_attempt"), values).first() is not None

    def receipt_of(self, notice_id: str, target: str) -> str | None:
        """Return what the receiver called a notice; None when it was not delivered there."""
        mine = (notice_deliveries.c.notice_id == notice_id, notice_deliveries.c.target == target)
        receipt: str | None = self._connection.execute(select(notice_deliveries.c.receipt).where(*mine)).scalar()
        return receipt

    def written_by_model(self, notice: Notice) -> Any:
        """Return what a model wrote: the arguments of an effect, or the last output of a run; None when there is none."""
        if (key := notice.data.get("effect_id")) is not None:
            return self._connection.execute(select(effects.c.args).where(effects.c.key == key)).scalar()
        return self._connection.execute(statement("last_output"), {"run_id": notice.run_id}).scalar()

    def recent(self, *, status: str | None = None, target: str | None = None, limit: int = 50) -> list[DeliveryRow]:
        """List deliveries, newest notice first."""
        query = _READ.order_by(notices.c.created_at.desc(), notice_deliveries.c.target).limit(limit)
        if status is not None:
            query = query.where(notice_deliveries.c.status == status)
        if target is not None:
            query = query.where(notice_deliveries.c.target == target)
        return [DeliveryRow(**row) for row in self._connection.execute(query).mappings()]

    def counts(self) -> dict[str, dict[str, int]]:
        """Count the deliveries by target and status."""
        columns = (notice_deliveries.c.target, notice_deliveries.c.status)
        counts: dict[str, dict[str, int]] = {}
        for target, status, count in self._connection.execute(select(*columns, func.count()).group_by(*columns)):
            counts.setdefault(target, {})[status] = count
        return counts

    def find(self, prefix: str) -> str:
        """Return the id of the only notice whose id begins with `prefix`. Raises NotFound for none or several."""
        query = select(notices.c.id).where(notices.c.id.startswith(prefix, autoescape=True)).limit(2)
        ids: Sequence[Any] = self._connection.execute(query).scalars().all()
        if len(ids) > 1:
            raise NotFound(f"several notices begin with {prefix!r}", do="give more of the id")
        if not ids or not prefix:
            raise NotFound(f"there is no notice {prefix!r}", do="see `botticelli notify deliveries`")
        return str(ids[0])

    def replay(self, notice_id: str, targets: Iterable[str]) -> None:
        """Deliver a notice again to these targets, under its id, with all attempts."""
        again = {"status": "pending", "attempts": 0, "due_at": func.now(), "finished_at": None, "error": None}
        rows = [{"notice_id": notice_id, "target": target} for target in targets]
        if rows:
            query = insert(notice_deliveries).values(rows)
            self._connection.execute(query.on_conflict_do_update(index_elements=["notice_id", "target"], set_=again))

    def targets_of(self, notice_id: str) -> list[str]:
        query = select(notice_deliveries.c.target).where(notice_deliveries.c.notice_id == notice_id)
        return list(self._connection.execute(query).scalars())

    def make_due(self, target: str) -> None:
        """Let what waits for a target be due now."""
        waiting = (notice_deliveries.c.target == target, notice_deliveries.c.status == "pending")
        self._connection.execute(update(notice_deliveries).where(*waiting).values(due_at=func.now()))

    def sweep(self, days: int) -> int:
        """Delete notices that are older than `days`, with their deliveries; return how many."""
        age = text("now() - make_interval(days => :days)").bindparams(days=days)
        return self._connection.execute(delete(notices).where(notices.c.created_at < age)).rowcount


_OF_NOTICE = ("type", "narrative", "run_id", "created_at")
_READ = select(
    *((notices if name in _OF_NOTICE else notice_deliveries).c[name] for name in DeliveryRow.__slots__)
).join(notices, notices.c.id == notice_deliveries.c.notice_id)
