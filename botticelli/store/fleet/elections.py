"""Elects, for each interval anew, the worker that performs a duty for the whole fleet."""

from __future__ import annotations

from sqlalchemy import Connection

from botticelli.store.schema.statements import statement


class Duties:
    """Assigns duties to workers within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, name: str, *, worker: str, interval_seconds: float) -> bool:
        """Try to take the duty for `worker`; False when it was taken within the interval already."""
        values = {"name": name, "worker": worker, "interval_seconds": interval_seconds}
        return self._connection.execute(statement("take_duty"), values).first() is not None
