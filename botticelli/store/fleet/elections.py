"""Duties: what one worker does for the whole fleet, elected anew for each interval. Does none of it."""

from __future__ import annotations

from sqlalchemy import Connection

from botticelli.store.schema.statements import statement


class Duties:
    """The repository of duties, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, name: str, *, worker: str, interval_seconds: float) -> bool:
        """Whether it falls to `worker` now; False when somebody has taken it within the interval."""
        values = {"name": name, "worker": worker, "interval_seconds": interval_seconds}
        return self._connection.execute(statement("take_duty"), values).first() is not None
