"""Stores one probe for each queue: when a heartbeat task was requested, and when a worker answered it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select, update

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import probes


@dataclass(frozen=True, slots=True)
class Probe:
    """A heartbeat task that no worker has answered, and for how many seconds."""

    queue: str
    requested_at: datetime
    silent_seconds: float


class Probes:
    """Reads and writes probes within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, queue: str, *, interval_seconds: float) -> int | None:
        """Request a heartbeat if one is due; return how often it was published, this time included, or None."""
        values = {"queue": queue, "interval_seconds": interval_seconds}
        publishes: int | None = self._connection.execute(statement("request_probe"), values).scalar()
        return publishes

    def answer(self, queue: str, worker: str) -> None:
        self._connection.execute(
            update(probes).where(probes.c.queue == queue).values(answered_at=func.now(), worker=worker)
        )

    def unanswered(self, queue: str) -> Probe | None:
        """Return the probe of `queue` that waits for an answer, or None."""
        silent = func.extract("epoch", func.now() - probes.c.requested_at)
        is_open = or_(probes.c.answered_at.is_(None), probes.c.answered_at < probes.c.requested_at)
        query = select(probes.c.queue, probes.c.requested_at, silent).where(probes.c.queue == queue, is_open)
        row = self._connection.execute(query).first()
        return Probe(row[0], row[1], float(row[2])) if row else None
