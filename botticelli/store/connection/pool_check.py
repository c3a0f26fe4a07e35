"""Finds dead connections of the pool before they are used.

SQLAlchemy's `pool_pre_ping` pings the server at every checkout, which is one round trip in five of a short transaction.
A server that goes away sends a notice or closes its end of the socket, so a connection that was used a moment ago and
has received nothing since needs no ping.
"""

from __future__ import annotations

import select
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

IDLE_SECONDS = 1.0
"""A connection that was idle for longer is pinged, since a network may drop it without notice."""
RETURNED_AT = "returned_at"


def ping_doubtful_connections(engine: Engine) -> None:
    """Ping connections of the engine's pool (psycopg2) that may be dead, whenever one is checked out.

    A dead one is replaced, and with it all that were opened before.
    """
    error_type: type[Exception] = engine.dialect.loaded_dbapi.Error

    def note(_: Any, record: Any) -> None:
        record.info[RETURNED_AT] = time.monotonic()

    def check(connection: Any, record: Any, _: Any) -> None:
        try:
            if _may_be_dead(connection, record.info.get(RETURNED_AT)):
                engine.dialect.do_ping(connection)
        except error_type:
            raise InvalidatePoolError from None

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", check)


def _may_be_dead(connection: Any, returned_at: float | None) -> bool:
    """Return whether the connection was idle for long or has unread data. One that was never returned is new."""
    if returned_at is None:
        return False
    return time.monotonic() - returned_at > IDLE_SECONDS or _has_unread_data(connection)


def _has_unread_data(connection: Any) -> bool:
    """Return whether the server closed the connection or sent a notice."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
