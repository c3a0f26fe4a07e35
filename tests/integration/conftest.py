"""Real servers for the whole session, and for each test a database and a Redis prefix of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from botticelli import services
from botticelli.runtime.process import Runtime
from botticelli.services.files.paths import DATABASE
from botticelli.settings import Settings, load_settings
from botticelli.store.connection.database import make_engine
from tests.support.databases.lending import Databases
from tests.support.fleet.made_cluster import copy_cluster
from tests.support.waiting import wait_until

TEMPLATE = "migrated"
EMPTY = "template0"
"""Postgres copies this one, by its name, for a database of any encoding."""
STATEMENT_SECONDS = 120.0
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Membership]:
    """Servers over a copy of the data directory that is made once."""
    home = tmp_path_factory.mktemp("servers")
    copy_cluster(home)
    with services.join(home, deadline_seconds=300) as membership:
        yield membership


@pytest.fixture(scope="session")
def databases(servers: services.Membership) -> Databases:
    """Lend copies of a database that is empty but for its schema.

    Nobody may connect to that any more, not even for a vacuum, and everybody has left: while somebody is there, it can't
    be copied.
    """
    made = Databases(servers.database_url, TEMPLATE)
    made.create(TEMPLATE, DATABASE)
    left = f"select count(*) = 0 from pg_stat_activity where datname = '{TEMPLATE}'"
    with _administering(servers) as connection:
        connection.execute(text(f"alter database {TEMPLATE} allow_connections false"))
        wait_until(lambda: connection.execute(text(left)).scalar_one(), "the template to be left alone")
    return made


@pytest.fixture(scope="session")
def empty_template(databases: Databases) -> str:
    """The name of a database without any table to copy; the made data directory has none."""
    engine = make_engine(databases.create(EMPTY, TEMPLATE), pool_size=1, statement_timeout_seconds=STATEMENT_SECONDS)
    with engine.begin() as connection:
        connection.execute(text("drop schema public, botticelli_content cascade"))
        connection.execute(text("create schema public authorization pg_database_owner"))
    engine.dispose()
    return EMPTY


@pytest.fixture
def empty_database_url(databases: Databases, empty_template: str) -> str:
    """A database without any table."""
    return databases.create(f"empty_{next(_numbers)}", empty_template)


@pytest.fixture
def make_runtime(
    servers: services.Membership, databases: Databases, tmp_path: Path
) -> Iterator[Callable[..., Runtime]]:
    """Runtimes over one fresh database; keyword arguments are settings, with `__` for a dot."""
    prefix = f"test{os.getpid()}-{next(_numbers)}"
    made: list[Runtime] = []
    with databases.lent() as database_url:

        def make(**flags: str) -> Runtime:
            runtime = Runtime(_settings(tmp_path, database_url, servers.redis_url, prefix, flags))
            made.append(runtime)
            return runtime

        yield make
        for runtime in made:
            runtime.close()


@pytest.fixture
def runtime(make_runtime: Callable[..., Runtime]) -> Runtime:
    return make_runtime()


def _settings(folder: Path, database_url: str, redis_url: str, prefix: str, flags: dict[str, str]) -> Settings:
    fixed = {"platforms.discord.implementation": "echo"}
    fixed |= {"database.url": database_url, "database.pool_size": "3", "redis.url": redis_url, "redis.prefix": prefix}
    dotted = {name.replace("__", "."): value for name, value in flags.items()}
    return load_settings(fixed | dotted, environ={"BOTTICELLI_HOME": str(folder)}, cwd=folder)


@contextmanager
def _administering(servers: services.Membership) -> Iterator[Connection]:
    """Beside every test's database, and outside of transactions."""
    engine = make_engine(servers.database_url, pool_size=1, statement_timeout_seconds=STATEMENT_SECONDS)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    engine.dispose()
