"""Tests Postgres sessions: limits at both ends, a startup packet that poolers accept, and the list of lock holders."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from botticelli.errors import ServiceUnavailable
from botticelli.runtime.process import Runtime
from botticelli.store import Store
from botticelli.store.connection.database import make_engine
from botticelli.store.connection.sessions import connected
from tests.support.servers.proxy import Proxy
from tests.support.waiting import wait_until

TRACKED = {"user", "database", "application_name", "client_encoding"}
"""Startup parameters that PgBouncer accepts by default. Source: its documentation, `ignore_startup_parameters`."""


def engine_at(runtime: Runtime, proxy: Proxy, **options: float) -> Engine:
    url = make_url(runtime.database_url)
    through = url.set(host="127.0.0.1", port=proxy.port, query={})
    return make_engine(
        through.render_as_string(hide_password=False), pool_size=2, statement_timeout_seconds=120, **options
    )


def server_socket(runtime: Runtime) -> Path:
    query = make_url(runtime.database_url).query
    return Path(str(query["host"])) / f".s.PGSQL.{query['port']}"


@pytest.fixture
def rows(runtime: Runtime) -> Store:
    with runtime.store.transaction() as tx:
        tx.state.set("held", 1)
    return runtime.store


def shown(connection: Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"show {name}").scalar_one())


def as_pooler(data: bytes) -> bytes:
    """Change the process number in the message BackendKeyData, as a pooler does."""
    at = data.find(b"K\0\0\0\x0c")
    return data if at < 0 else data[: at + 5] + struct.pack("!I", 7) + data[at + 9 :]


def test_startup_packet_holds_nothing_that_a_pooler_refuses() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    packets: list[bytes] = []

    def answer() -> None:
        client, _ = listener.accept()
        with client:
            packet = client.recv(65536)
            if packet[4:8] == struct.pack("!I", 80877103):  # asks for TLS first
                client.sendall(b"N")
                packet = client.recv(65536)
            packets.append(packet)
            words = b"SFATAL\0C08P01\0Munsupported startup parameter: extra\0\0"
            client.sendall(b"E" + struct.pack("!I", len(words) + 4) + words)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    engine = make_engine(f"postgresql+psycopg2://u@127.0.0.1:{port}/d", pool_size=1, statement_timeout_seconds=30)
    with (
        pytest.raises(ServiceUnavailable, match=r"unsupported startup parameter.*see docs/howto/poolers.md"),
        connected(engine),
    ):
        raise AssertionError("it takes no session")
    thread.join(10)
    listener.close()
    names = packets[0][8:].split(b"\0")[0:-2:2]
    assert {name.decode() for name in names if name} <= TRACKED


def test_direct_session_gets_its_limits_once(runtime: Runtime) -> None:
    with Proxy(server_socket(runtime)) as proxy:
        engine = engine_at(runtime, proxy, silent_seconds=12)
        with connected(engine) as connection:
            settings = {name: shown(connection, name) for name in ("statement_timeout", "lock_timeout", "timezone")}
            silent = shown(connection, "idle_in_transaction_session_timeout")
            name = shown(connection, "application_name")
            encoding = shown(connection, "client_encoding")
        engine.dispose()
    assert settings == {"statement_timeout": "2min", "lock_timeout": "10s", "timezone": "UTC"}
    assert (silent, encoding.lower()) == ("12s", "utf8")
    assert name.startswith("botticelli ")


def test_session_behind_a_pooler_gets_its_limits_in_each_transaction(runtime: Runtime) -> None:
    with Proxy(server_socket(runtime), rewrite=as_pooler) as proxy:
        engine = engine_at(runtime, proxy)
        for _ in range(2):
            with connected(engine) as connection:
                assert shown(connection, "lock_timeout") == "10s"
                assert shown(connection, "idle_in_transaction_session_timeout") == "15s"
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            assert connection.connection.dbapi_connection is not None
            with connection.connection.dbapi_connection.cursor() as cursor:
                cursor.execute("show lock_timeout")
                assert cursor.fetchone() == ("0",)
        engine.dispose()


def test_transaction_of_a_vanished_client_releases_its_rows(
    runtime: Runtime, rows: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botticelli.store.connection.sessions.MIN_SILENT_SECONDS", 3.0)
    with Proxy(server_socket(runtime)) as proxy:
        engine = engine_at(runtime, proxy, silent_seconds=3)
        vanished = engine.connect()
        vanished.execute(text("update narrative_state set value = '2' where key = 'held'"))
        pid = vanished.exec_driver_sql("select pg_backend_pid()").scalar_one()
        proxy.silent = True
        wait_until(lambda: not is_there(runtime, pid), "the server to end the session")
        with rows.transaction() as tx:
            tx.state.set("held", 3)
        proxy.refuse()
        with pytest.raises(DBAPIError):
            vanished.exec_driver_sql("select 1")
        vanished.close()
        engine.dispose()
    with rows.transaction() as tx:
        entry = tx.state.get("held")
    assert entry is not None and entry.value == 3


def is_there(runtime: Runtime, pid: int) -> bool:
    with runtime.store.transaction() as tx:
        query = text("select exists (select from pg_stat_activity where pid = :pid)")
        return bool(tx.connection.execute(query, {"pid": pid}).scalar_one())


def test_session_that_holds_rows_is_listed(runtime: Runtime, rows: Store) -> None:
    with rows.transaction() as tx:
        tx.state.set("held", 2)
        pid = tx.connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
        [holder] = [session for session in rows.lock_holders(0) if session["pid"] == pid]
        assert "narrative_state" in holder["held"].split(", ")
        assert holder["state"] == "idle in transaction"
        assert holder["application_name"].startswith("botticelli ")
    assert [session for session in rows.lock_holders(0) if session["pid"] == pid] == []


def test_named_lock_may_be_held_in_silence(runtime: Runtime) -> None:
    with runtime.store.named_lock("n"):
        query = text("select pid from pg_locks where locktype = 'advisory' and granted")
        with runtime.store.engine.connect() as connection:
            assert connection.execute(query).all() != []


@pytest.fixture
def short_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botticelli.store.connection.sessions.LOCK_SECONDS", 0.2)


def test_row_that_stays_locked_is_told_apart_from_a_lost_server(
    short_locks: None, runtime: Runtime, rows: Store
) -> None:
    with rows.transaction() as tx:
        tx.state.set("held", 2)
        with pytest.raises(OperationalError) as caught, rows.transaction() as other:
            other.connection.execute(text("update narrative_state set value = '4' where key = 'held'"))
    assert caught.value.orig is not None and caught.value.orig.pgcode == "55P03"
