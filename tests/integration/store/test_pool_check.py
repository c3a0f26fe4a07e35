"""Connections that died in the pool are replaced unnoticed; those that were used a moment ago cost no question."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from botticelli.runtime.process import Runtime
from botticelli.store.connection import pool_check
from botticelli.store.connection.database import make_engine
from tests.support.waiting import wait_until


@pytest.fixture
def engine(runtime: Runtime) -> Iterator[Engine]:
    """With a pool of one connection."""
    made = make_engine(runtime.database_url, pool_size=1, statement_timeout_seconds=60)
    yield made
    made.dispose()


@pytest.fixture
def pings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections over which the server was asked whether it is there; it is really asked."""
    asked: list[Any] = []
    ping = engine.dialect.do_ping

    def noted(connection: Any) -> bool:
        asked.append(connection)
        return ping(connection)

    monkeypatch.setattr(engine.dialect, "do_ping", noted)
    return asked


def backend(connection: Connection) -> int:
    number: int = connection.execute(text("select pg_backend_pid()")).scalar_one()
    return number


def use(engine: Engine) -> int:
    with engine.connect() as connection:
        return backend(connection)


def test_a_connection_that_was_just_used_is_used_again_without_a_question(
    engine: Engine, pings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_check, "IDLE_SECONDS", 3600.0)
    assert use(engine) == use(engine) == use(engine)
    assert pings == []


def test_a_connection_that_has_rested_is_asked_first(
    engine: Engine, pings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = use(engine)
    monkeypatch.setattr(pool_check, "IDLE_SECONDS", -1.0)
    assert use(engine) == first
    assert len(pings) == 1


@pytest.mark.parametrize("idle_seconds", [3600.0, -1.0])
def test_a_connection_that_the_server_has_ended_is_replaced_before_it_is_used(
    engine: Engine, runtime: Runtime, pings: list[Any], monkeypatch: pytest.MonkeyPatch, idle_seconds: float
) -> None:
    """Its socket tells, however short it has rested."""
    monkeypatch.setattr(pool_check, "IDLE_SECONDS", idle_seconds)
    first = use(engine)
    gone = text("select pg_terminate_backend(:pid, 60000)").bindparams(pid=first)
    with runtime.store.transaction() as tx:
        assert tx.connection.execute(gone).scalar_one()
    assert use(engine) != first
    assert len(pings) == 1


def test_a_notice_ends_no_connection(engine: Engine, runtime: Runtime, pings: list[Any]) -> None:
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
