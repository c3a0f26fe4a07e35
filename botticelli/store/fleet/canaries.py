"""Canaries: one row for each queue, stamped when it is asked and when a worker answers. Publishes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select, update

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import canaries


@dataclass(frozen=True, slots=True)
class Canary:
    """One that nobody has answered, and for how long."""

    queue: str
    asked_at: datetime
    silent_seconds: float


class Canaries:
    """The repository of canaries, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, queue: str, *, interval_seconds: float) -> int | None:
        """How often this question has been published, now included; None when it is not time to ask."""
        values = {"queue": queue, "interval_seconds": interval_seconds}
        publishes: int | None = self._connection.execute(statement("ask_canary"), values).scalar()
        return publishes

    def answer(self, queue: str, worker: str) -> None:
        self._connection.execute(
            update(canaries).where(canaries.c.queue == queue).values(answered_at=func.now(), worker=worker)
        )

    def unanswered(self, queue: str) -> Canary | None:
        """None when the last one was answered, or none was asked."""
        silent = func.extract("epoch", func.now() - canaries.c.asked_at)
        is_open = or_(canaries.c.answered_at.is_(None), canaries.c.answered_at < canaries.c.asked_at)
        query = select(canaries.c.queue, canaries.c.asked_at, silent).where(canaries.c.queue == queue, is_open)
        row = self._connection.execute(query).first()
        return Canary(row[0], row[1], float(row[2])) if row else None
