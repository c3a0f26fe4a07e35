"""The connection to Postgres and the version of its schema. Knows no table by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from botticelli.errors import DatabaseBehind, InvalidInput, ServiceUnavailable, Unwritable
from botticelli.places import app_folder
from botticelli.store.pinging import ping_when_in_doubt

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATION_LOCK = 0x426F7474
"""Key of the advisory lock under which the schema is changed."""
NO_WRITES = frozenset({"25006", "53100", "58030"})
"""SQLSTATE of a read-only transaction, a full disk and an input/output error."""


def make_engine(url: str, *, pool_size: int, statement_timeout_seconds: float) -> Engine:
    """An engine for `url` (psycopg2). Connects nothing yet. Keepalives find a dropped connection within a minute."""
    options = f"-c statement_timeout={round(statement_timeout_seconds * 1000)} -c lock_timeout=10000 -c timezone=UTC"
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # an error message must not carry a prompt into a log
        connect_args={
            "options": options,
            "connect_timeout": 10,
            "application_name": "botticelli",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )
    ping_when_in_doubt(engine)
    return engine


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """One transaction. ServiceUnavailable, without the password, when the server can't be reached."""
    try:
        connection = engine.connect()
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise ServiceUnavailable(
            f"Postgres can't be reached: {reason}",
            where=engine.url.render_as_string(hide_password=True),
            do="check BOTTICELLI_DATABASE_URL, or unset it to use the embedded server",
        ) from None
    with connection, connection.begin():
        yield connection


def unwritable(engine: Engine, error: DBAPIError) -> Unwritable | None:
    """The error in our words if it says that the server takes no writes at this moment; else None."""
    if getattr(error.orig, "pgcode", None) not in NO_WRITES:
        return None
    return Unwritable(
        f"Postgres takes no writes: {str(error.orig).strip().splitlines()[0]}",
        where=engine.url.render_as_string(hide_password=True),
        do="free its disk or end its read-only mode; the work goes on by itself then",
    )


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """`current` is None for an empty database."""

    current: str | None
    wanted: str

    @property
    def up_to_date(self) -> bool:
        return self.current == self.wanted


def schema_status(engine: Engine) -> SchemaStatus:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with connected(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    return SchemaStatus(current, wanted or "")


def upgrade(engine: Engine, revision: str = "head") -> SchemaStatus:
    """Bring the schema to `revision`; safe for any number of processes at once."""
    from alembic import command

    _migrate(engine, lambda config: command.upgrade(config, revision), revision)
    return schema_status(engine)


def downgrade(engine: Engine, revision: str) -> SchemaStatus:
    """Take the schema back to `revision` (`base`: empty). Data of the newer tables is lost."""
    from alembic import command

    _migrate(engine, lambda config: command.downgrade(config, revision), revision)
    return schema_status(engine)


def require_current(engine: Engine) -> None:
    """DatabaseBehind unless the schema is the one that this version of Botticelli needs."""
    status = schema_status(engine)
    if not status.up_to_date:
        raise DatabaseBehind(
            f"the database schema is at {status.current or 'nothing'}, this version needs {status.wanted}",
            where=engine.url.render_as_string(hide_password=True),
            do="run `botticelli db upgrade`, or start the version of Botticelli that the database belongs to",
        )


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(app_folder() / "migrations").replace("%", "%%"))
    return config


def _migrate(engine: Engine, run: Callable[[Config], None], revision: str) -> None:
    from alembic.util import CommandError

    config = _config()
    with connected(engine) as connection:
        connection.execute(text("set local lock_timeout = '60s'"))
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        try:
            run(config)
        except CommandError as error:
            raise InvalidInput(str(error), where=f"revision {revision}", do="see `botticelli db status`") from None
