"""Opens Postgres sessions: sets their timeouts at both ends, and finds dead ones of the pool before they are used.

Timeouts are set after a session has connected; behind a pooler in each transaction instead. None are in the startup
packet: poolers reject a packet with `options`, or hand the session to another client.

SQLAlchemy's `pool_pre_ping` pings the server at every checkout, which is one round trip in five of a short transaction.
A server that goes away sends a notice or closes its end of the socket, so a connection that was used a moment ago and
has received nothing since needs no ping.
"""

from __future__ import annotations

import os
import platform
import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError

from botticelli.errors import DatabaseUnwritable, ServiceUnavailable
from botticelli.settings import shown_url

POOLED = "pooled"
"""Marks a connection through a pooler, whose session may belong to another client later."""
MIN_SILENT_SECONDS = 5.0
LOCK_SECONDS = 10
PROBES = 3
IDLE_SECONDS = 1.0
"""A connection that was idle for longer is pinged, since a network may drop it without notice."""
RETURNED_AT = "returned_at"
ORIGIN = "botticelli_origin"
"""Execution option of an engine: where its URL was configured."""
NO_WRITES = frozenset({"25006", "53100", "58030"})
"""SQLSTATE of a read-only transaction, a full disk and an input/output error."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Timeouts of a session.

    The server ends a transaction, and releases its locks, when its client is silent for `silent_seconds`. Both ends
    give up a connection whose packets are lost within about the same time.
    """

    statement_seconds: float
    silent_seconds: float = 15.0

    @property
    def idle_seconds(self) -> float:
        return max(self.silent_seconds, MIN_SILENT_SECONDS)

    @property
    def server_parameters(self) -> Mapping[str, str]:
        """Parameters of the Postgres session, which any user may set."""
        idle, interval = self._keepalive
        return {
            "TimeZone": "UTC",
            "statement_timeout": _ms(self.statement_seconds),
            "lock_timeout": _ms(LOCK_SECONDS),
            "idle_in_transaction_session_timeout": _ms(self.idle_seconds),
            "tcp_keepalives_idle": str(idle),
            "tcp_keepalives_interval": str(interval),
            "tcp_keepalives_count": str(PROBES),
            "tcp_user_timeout": _ms(self.idle_seconds),
        }

    @property
    def client_parameters(self) -> dict[str, Any]:
        """Parameters of libpq; a server or a pooler sees only the name and the encoding."""
        idle, interval = self._keepalive
        return {
            "connect_timeout": 10,
            "application_name": f"botticelli {platform.node()[:40]}:{os.getpid()}",
            "client_encoding": "utf8",
            "keepalives": 1,
            "keepalives_idle": idle,
            "keepalives_interval": interval,
            "keepalives_count": PROBES,
            "tcp_user_timeout": round(self.idle_seconds * 1000),
        }

    @property
    def _keepalive(self) -> tuple[int, int]:
        """Idle time and interval in seconds, such that the last probe fails when `idle_seconds` are over."""
        interval = max(1, round(self.idle_seconds / (PROBES + 2)))
        return max(1, round(self.idle_seconds) - PROBES * interval), interval


def limit_sessions(engine: Engine, limits: SessionLimits) -> None:
    """Apply the limits to every connection that the engine (psycopg2) opens from now on."""
    parameters = limits.server_parameters
    names = [value for item in parameters.items() for value in item]
    in_session = ", ".join("case when pg_backend_pid() = %s then set_config(%s, %s, false) end" for _ in parameters)
    in_transaction = "select " + ", ".join("set_config(%s, %s, true)" for _ in parameters)

    def connected(connection: Any, record: Any) -> None:
        """Set the parameters in one round trip, unless a pooler's own process number shows that it stands between."""
        ours = connection.get_backend_pid()
        values = [value for name, text in parameters.items() for value in (ours, name, text)]
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"select pg_backend_pid(), {in_session}", values)
                record.info[POOLED] = cursor.fetchone()[0] != ours
        finally:
            connection.autocommit = False

    def begun(connection: Connection) -> None:
        if connection.info.get(POOLED):
            connection.exec_driver_sql(in_transaction, tuple(names))

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _ms(seconds: float) -> str:
    return str(min(round(seconds * 1000), 2**31 - 1))


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


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """Connect and begin a transaction.

    Raises ServiceUnavailable, without the password, when the server can't be reached or accepts no session.
    """
    with _connection(engine) as connection, connection.begin():
        yield connection


@contextmanager
def committing(engine: Engine) -> Iterator[Connection]:
    """Connect, and let the server commit each statement by itself. Raises as `connected` does.

    Behind a pooler the block is a transaction, since the timeouts of a session are set in each.
    """
    with _connection(engine) as connection:
        if connection.info.get(POOLED):
            with connection.begin():
                yield connection
            return
        driver: Any = connection.connection.dbapi_connection
        driver.autocommit = True
        try:
            yield connection
        finally:
            if not driver.closed:
                driver.autocommit = False


def _connection(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise _unreachable(engine, error) from None


def _unreachable(engine: Engine, error: DBAPIError) -> ServiceUnavailable:
    lines = str(error.orig).strip().splitlines()
    reason = lines[0] if lines else type(error.orig).__name__
    origin = engine.get_execution_options().get(ORIGIN, "database.url")
    do = f"check {origin}, or unset it to use the embedded server"
    if "startup parameter" in reason:
        do = "let the pooler ignore it: see docs/howto/poolers.md"
    elif reason.startswith("invalid "):  # libpq repeats the value
        reason, do = (
            "a parameter after the `?` of its URL is unknown or has an invalid value",
            f"check {origin}",
        )
    return ServiceUnavailable(f"Postgres can't be reached: {reason}", where=shown(engine), do=do)


def shown(engine: Engine) -> str:
    """Return the engine's URL without its password, for messages."""
    return shown_url(engine.url.render_as_string(hide_password=False))


def as_unwritable(engine: Engine, error: DBAPIError) -> DatabaseUnwritable | None:
    """Return Unwritable if the error says that the server accepts no writes now, else None."""
    if getattr(error.orig, "pgcode", None) not in NO_WRITES:
        return None
    return DatabaseUnwritable(
        f"Postgres accepts no writes: {str(error.orig).strip().splitlines()[0]}",
        where=shown(engine),
        do="free its disk or end its read-only mode; work then continues automatically",
    )
