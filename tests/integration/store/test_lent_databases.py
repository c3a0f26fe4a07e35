"""The databases of tests: one that comes back is lent again only if it is as good as new."""

from __future__ import annotations

import itertools
from contextlib import closing

import psycopg2
import psycopg2.extensions
import pytest
from sqlalchemy.engine import make_url

from botticelli import services
from tests.integration.conftest import TEMPLATE
from tests.support.databases.lending import LARGE_BYTES, OTHERS, Databases
from tests.support.waiting import wait_until

NUMBERS = itertools.count(1)
FILL = """
insert into narrative_state (key, value, created_at, updated_at)
select 'k' || n, to_jsonb(repeat('x', 100)), now(), now() from generate_series(1, {}) as n
"""
SEQUENCES = "select {} from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S'"
COUNT = "select count(*), pg_table_size('narrative_state') from narrative_state"


@pytest.fixture
def own(servers: services.Membership, databases: Databases) -> Databases:
    """Databases that no other test borrows, over the template of all."""
    return Databases(servers.database_url, TEMPLATE, prefix=f"own_{next(NUMBERS)}")


def connected(url: str) -> psycopg2.extensions.connection:
    session = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    session.autocommit = True
    return session


def execute(url: str, statement: str) -> list[tuple[int, ...]]:
    with closing(connected(url)) as session, session.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def wait_until_left(url: str) -> None:
    """Wait until the server has ended the sessions whose clients have left: on a busy machine that takes a moment."""
    with closing(connected(url)) as session, session.cursor() as cursor:

        def is_left() -> bool:
            cursor.execute(OTHERS)
            return cursor.fetchone() == (0,)

        wait_until(is_left, "the sessions to end")


@pytest.mark.parametrize("rows", [3, 20_000])
def test_database_that_comes_back_is_lent_again_without_its_rows(own: Databases, rows: int) -> None:
    with own.lent() as url:
        execute(url, FILL.format(rows))
        execute(url, "create table posts (id int primary key)")
        execute(url, SEQUENCES.format("count(nextval(oid::regclass)) > 0"))
        assert execute(url, COUNT)[0][0] == rows
        wait_until_left(url)
    with own.lent() as again:
        assert again == url
        [(left, size)] = execute(url, COUNT)
        assert (left, size < LARGE_BYTES) == (0, True)
        assert execute(url, "select to_regclass('posts')") == [(None,)]
        assert execute(url, SEQUENCES.format("max(nextval(oid::regclass))")) == [(1,)]
        assert execute(url, "select count(*) from alembic_version") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "alter table runs add column more int",
        "alter table runs drop column ending",
        "alter table runs alter column status drop not null",
        "drop index ix_narrative_state_prefix",
        "drop table acts",
        "create schema other",
        "create function seven() returns int language sql return 7",
        "update alembic_version set version_num = 'older'",
        "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$",
    ],
)
def test_database_with_another_schema_is_lent_to_nobody(own: Databases, statement: str) -> None:
    with own.lent() as url:
        execute(url, statement)
    with own.lent() as fresh:
        assert fresh != url


def test_database_with_a_session_in_it_is_lent_to_nobody(own: Databases) -> None:
    with own.lent() as url:
        session = connected(url)
    with closing(session), own.lent() as fresh:
        assert fresh != url
