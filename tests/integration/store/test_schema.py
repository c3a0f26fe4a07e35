"""Tests migrations: they match the models and go both ways, and a database that is behind is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InternalError

from botticelli import services
from botticelli.errors import DatabaseBehind, DatabaseUnfit, InvalidInput, ServiceUnavailable, SettingsError
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
from botticelli.store import NewRow, Origin, Query, Store, Tables
from botticelli.store.connection.database import downgrade, make_engine, require_current, schema_status, upgrade
from botticelli.store.connection.sessions import connected
from botticelli.store.schema.tables import metadata


@pytest.fixture
def engine(empty_database_url: str) -> Engine:
    return make_engine(empty_database_url, pool_size=2, statement_timeout_seconds=120)


def test_models_equal_the_migrated_schema(engine: Engine) -> None:
    upgrade(engine)
    with connected(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_upgrade_and_downgrade_go_both_ways(engine: Engine) -> None:
    assert schema_status(engine).current is None
    assert upgrade(engine).up_to_date
    assert upgrade(engine).up_to_date
    assert downgrade(engine, "base").current is None
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert upgrade(engine).up_to_date


def test_database_behind_is_refused(engine: Engine) -> None:
    with pytest.raises(DatabaseBehind, match=r"is at nothing, this version needs .*botticelli db upgrade"):
        require_current(engine)


def test_unknown_revision_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="revision 9999"):
        upgrade(engine, "9999")


def test_database_at_a_revision_of_another_version_is_refused(engine: Engine) -> None:
    upgrade(engine)
    with connected(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9017'"))
    for use in (upgrade, require_current):
        with pytest.raises(
            DatabaseBehind, match=r"is at 9017, which this version of Botticelli doesn't know.*start the version"
        ):
            use(engine)


def test_configured_database_is_not_migrated_automatically(empty_database_url: str, tmp_path: Path) -> None:
    flags = {"database.url": empty_database_url, "redis.url": "redis://127.0.0.1:1/0"}
    runtime = Runtime(load_settings(flags, environ={}, cwd=tmp_path))
    with pytest.raises(DatabaseBehind):
        _ = runtime.store


def test_unreachable_server_is_named_without_its_password() -> None:
    url = "postgresql+psycopg2://user:hunter2@127.0.0.1:1/nothing"
    engine = make_engine(url, pool_size=1, statement_timeout_seconds=1, origin="environment variable DATABASE_URL")
    with (
        pytest.raises(ServiceUnavailable, match="check environment variable DATABASE_URL") as caught,
        connected(engine),
    ):
        pass
    assert "127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_user_without_role_permission_still_reads_content(empty_database_url: str) -> None:
    """Read without the reader's role, under the other protection."""
    with connected(make_engine(empty_database_url, pool_size=1, statement_timeout_seconds=120)) as connection:
        connection.execute(text("drop role if exists plain_user"))
        connection.execute(text("create role plain_user login nosuperuser nocreaterole"))
        database = connection.execute(text("select current_database()")).scalar_one()
        connection.execute(text(f"alter database {database} owner to plain_user"))
    url = make_url(empty_database_url).set(username="plain_user").render_as_string(hide_password=False)
    store = Store(make_engine(url, pool_size=2, statement_timeout_seconds=120))
    assert upgrade(store.engine).up_to_date
    with store.transaction() as tx:
        tx.content.add("posts", [NewRow({"a": 1})], Origin("n", "r", "a", None), template=None, columns={"a": "number"})
    with store.reading(2) as connection:
        assert Tables(connection, allow=()).read(Query("posts", ("a",))) == [{"a": 1}]
        assert connection.execute(text("select current_user")).scalar() == "plain_user"
        with pytest.raises(InternalError, match="read-only transaction"):
            connection.execute(text("delete from botticelli_content.posts"))
    downgrade(store.engine, "base")
    store.engine.dispose()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"])
def test_database_of_another_encoding_is_refused_before_anything_is_made(
    servers: services.Membership, empty_template: str, encoding: str
) -> None:
    admin = make_engine(servers.database_url, pool_size=1, statement_timeout_seconds=60)
    name = f"encoded_{encoding.lower()}"
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(f"create database {name} encoding '{encoding}' lc_collate 'C' lc_ctype 'C' template {empty_template}")
        )
    url = make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)
    engine = make_engine(url, pool_size=1, statement_timeout_seconds=120)
    for ask in (upgrade, require_current, schema_status):
        with pytest.raises(DatabaseUnfit, match=f"the database has the encoding {encoding}"):
            ask(engine)
    with connected(engine) as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    admin.dispose()


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_certificate_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    url = f"postgresql+psycopg2://u:hunter2@127.0.0.1:1/d?{name}={tmp_path / 'none.pem'}"
    with pytest.raises(SettingsError, match=f"--set database.url: database.url: {name}: there is no file") as caught:
        make_engine(url, pool_size=1, statement_timeout_seconds=1, origin="--set database.url")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("query", ["hunter2=1", "sslmode=hunter2", "connect_timeout=hunter2"])
def test_parameter_that_libpq_refuses_is_one_line(query: str) -> None:
    url = f"postgresql+psycopg2://u:hunter2@127.0.0.1:1/d?{query}"
    engine = make_engine(url, pool_size=1, statement_timeout_seconds=1)
    with pytest.raises(ServiceUnavailable) as caught, connected(engine):
        raise AssertionError("it can't be reached")
    assert "hunter2" not in str(caught.value) and "\n" not in str(caught.value)
