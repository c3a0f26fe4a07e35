"""Connections of the pool that their server has left are found before they are used. Makes none.

SQLAlchemy's `pool_pre_ping` asks the server at every checkout, which is one trip in five of a short transaction. A server that
goes away says so, or its end of the socket is closed: who has heard nothing from a connection that was used a moment ago
needs to ask nobody.
"""

from __future__ import annotations

import select
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

IDLE_SECONDS = 1.0
"""After a longer rest the server is asked: a connection may be dropped on the way without a word."""
RETURNED_AT = "returned_at"


def ping_when_in_doubt(engine: Engine) -> None:
    """Ping connections of the engine's pool that may be dead.

    For every connection that the engine's pool (psycopg2) hands out from now on. One that is dead is replaced, and with
    it all that were made before.
    """
    error_type: type[Exception] = engine.dialect.loaded_dbapi.Error

    def note(_: Any, record: Any) -> None:
        record.info[RETURNED_AT] = time.monotonic()

    def check(connection: Any, record: Any, _: Any) -> None:
        try:
            if _is_in_doubt(connection, record.info.get(RETURNED_AT)):
                engine.dialect.do_ping(connection)
        except error_type:
            raise InvalidatePoolError from None

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", check)


def _is_in_doubt(connection: Any, returned_at: float | None) -> bool:
    """A connection that was never returned is new."""
    if returned_at is None:
        return False
    return time.monotonic() - returned_at > IDLE_SECONDS or _has_something_to_say(connection)


def _has_something_to_say(connection: Any) -> bool:
    """Unasked: it was closed, or the server sent a notice."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
