"""Tests that dead connections of the pool are replaced, and that those used a moment ago aren't pinged."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from botticelli.runtime.process import Runtime
from botticelli.store.connection import sessions
from botticelli.store.connection.database import make_engine
from tests.support.waiting import wait_until


@pytest.fixture
def engine(runtime: Runtime) -> Iterator[Engine]:
    """Make an engine with a pool of one connection."""
    engine = make_engine(runtime.database_url, pool_size=1, statement_timeout_seconds=60)
    yield engine
    engine.dispose()


@pytest.fixture
def pings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the connections that are pinged; the pings are still sent."""
    pinged: list[Any] = []
    ping = engine.dialect.do_ping

    def noted(connection: Any) -> bool:
        pinged.append(connection)
        return ping(connection)

    monkeypatch.setattr(engine.dialect, "do_ping", noted)
    return pinged


def backend(connection: Connection) -> int:
    number: int = connection.execute(text("select pg_backend_pid()")).scalar_one()
    return number


def use(engine: Engine) -> int:
    with engine.connect() as connection:
        return backend(connection)


def test_connection_just_used_is_not_pinged(engine: Engine, pings: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 3600.0)
    assert use(engine) == use(engine) == use(engine)
    assert pings == []


def test_idle_connection_is_pinged_first(engine: Engine, pings: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    first = use(engine)
    monkeypatch.setattr(sessions, "IDLE_SECONDS", -1.0)
    assert use(engine) == first
    assert len(pings) == 1


@pytest.mark.parametrize("idle_seconds", [3600.0, -1.0])
def test_connection_ended_by_the_server_is_replaced_before_use(
    engine: Engine, runtime: Runtime, pings: list[Any], monkeypatch: pytest.MonkeyPatch, idle_seconds: float
) -> None:
    """Replace a connection that its socket shows to be closed, however short it was idle."""
    monkeypatch.setattr(sessions, "IDLE_SECONDS", idle_seconds)
    first = use(engine)
    gone = text("select pg_terminate_backend(:pid, 60000)").bindparams(pid=first)
    with runtime.store.transaction() as tx:
        assert tx.connection.execute(gone).scalar_one()
    assert use(engine) != first
    assert len(pings) == 1


def test_notice_ends_no_connection(engine: Engine, runtime: Runtime, pings: list[Any]) -> None:
    with engine.connect() as connection:
        first = backend(connection)
        connection.execute(text("listen news"))
        connection.commit()
        socket = connection.connection.fileno()
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("notify news"))
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    wait_until(lambda: poll.poll(0), "the notice to arrive")
    assert use(engine) == first
    assert len(pings) == 1
