"""Elects, for each interval anew, the worker that performs a duty for the whole fleet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from botticelli.store.schema.statements import statement

SWEEP = "sweep"
"""The name of the election of the worker that performs the duties of the fleet."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Runs that are due while no worker is alive. `last_seen_at` is None when no worker was ever there."""

    last_seen_at: datetime | None
    due_runs: int
    due_since: datetime


class Duties:
    """Assigns duties to workers within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, name: str, *, worker: str, interval_seconds: float) -> bool:
        """Try to take the duty for `worker`; False when it was taken within the interval already."""
        values = {"name": name, "worker": worker, "interval_seconds": interval_seconds}
        return self._connection.execute(statement("take_duty"), values).first() is not None

    def absence(self, seconds: float) -> Absence | None:
        """Return the runs that wait while no worker has swept for `seconds`; None when one has, or none waits."""
        row = (
            self._connection.execute(statement("absent_workers"), {"duty": SWEEP, "seconds": seconds})
            .mappings()
            .first()
        )
        return None if row is None else Absence(**row)
