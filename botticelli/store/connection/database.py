"""Connects to Postgres, and checks and migrates the version of its schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from botticelli.errors import (
    DatabaseBehind,
    DatabaseUnfit,
    DatabaseUnwritable,
    InvalidInput,
    ServiceUnavailable,
    SettingsError,
)
from botticelli.loading.app_folder import app_folder
from botticelli.settings import shown_url
from botticelli.settings.network import Fault, certificates_fault, file_fault
from botticelli.store.connection.schema_roles import restore_roles
from botticelli.store.connection.sessions import POOLED, SessionLimits, limit_sessions, ping_doubtful_connections

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "head"
MIGRATION_LOCK = 0x426F7474
"""Key of the advisory lock under which the schema is changed."""
ORIGIN = "botticelli_origin"
"""Execution option of an engine: where its URL was configured."""
_FILES = {"sslrootcert": certificates_fault, "sslcert": file_fault, "sslkey": file_fault, "sslcrl": file_fault}
_NO_FILES = ("", "system")
"""Values that libpq accepts in place of a file."""
NO_WRITES = frozenset({"25006", "53100", "58030"})
"""SQLSTATE of a read-only transaction, a full disk and an input/output error."""

_REVISION = re.compile(r'^revision = "(\w+)"', re.MULTILINE)
_DOWN_REVISION = re.compile(r'^down_revision = "(\w+)"', re.MULTILINE)


def make_engine(
    url: str,
    *,
    pool_size: int,
    statement_timeout_seconds: float,
    silent_seconds: float = 15.0,
    origin: str = "database.url",
) -> Engine:
    """Make an engine for `url` (psycopg2) without connecting yet.

    `origin` is where the URL was configured (a variable, a flag, a line of a file), for errors. The server ends a
    transaction whose client is silent for `silent_seconds`. Raises SettingsError when a certificate file that the URL
    names can't be used.
    """
    fault = _certificate_fault(url)
    if fault is not None:
        raise SettingsError(f"database.url: {fault.where}: {fault.what}", where=origin, do=f"correct {fault.where}")
    limits = SessionLimits(statement_timeout_seconds, silent_seconds)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # an error message must not carry a prompt into a log
        connect_args=limits.client_parameters,
        execution_options={ORIGIN: origin},
    )
    ping_doubtful_connections(engine)
    limit_sessions(engine, limits)
    return engine


def _certificate_fault(url: str) -> Fault | None:
    """Return the fault of the first certificate file in the URL's query that can't be used."""
    for name, value in parse_qsl(urlsplit(url).query):
        judge = _FILES.get(name)
        if judge is not None and value not in _NO_FILES:
            fault = judge(name, value)
            if fault is not None:
                return fault
    return None


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


def require_utf8(connection: Connection) -> None:
    """Raise DatabaseUnfit unless the encoding of the database is UTF8, which holds every character of a model."""
    encoding = connection.execute(text("show server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise DatabaseUnfit(
            f"the database has the encoding {encoding}, which can't hold every character",
            where=shown(connection.engine),
            do="create one with `create database ... encoding 'UTF8' template template0`, and name it in the URL",
        )


def as_unwritable(engine: Engine, error: DBAPIError) -> DatabaseUnwritable | None:
    """Return Unwritable if the error says that the server accepts no writes now, else None."""
    if getattr(error.orig, "pgcode", None) not in NO_WRITES:
        return None
    return DatabaseUnwritable(
        f"Postgres accepts no writes: {str(error.orig).strip().splitlines()[0]}",
        where=shown(engine),
        do="free its disk or end its read-only mode; work then continues automatically",
    )


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The revision of a database and the one that this version needs. `current` is None for an empty database."""

    current: str | None
    required: str

    @property
    def up_to_date(self) -> bool:
        return self.current == self.required


def schema_status(engine: Engine) -> SchemaStatus:
    """Read the revision of the database. Every process does this at its start, so alembic isn't imported for it."""
    with connected(engine) as connection:
        require_utf8(connection)
        has_version = connection.execute(text("select to_regclass('alembic_version') is not null")).scalar_one()
        current = has_version and connection.execute(text("select version_num from alembic_version")).scalar()
    return SchemaStatus(current or None, head_revision())


def head_revision() -> str:
    """Return the last revision in migrations/, which this version of Botticelli needs."""
    revisions, earlier = _revisions()
    (head,) = revisions - earlier
    return head


def _revisions() -> tuple[set[str], set[str]]:
    """Return the revisions in migrations/, and those of them that another one builds on."""
    texts = [file.read_text(encoding="utf-8") for file in (app_folder() / "migrations" / "versions").glob("*.py")]
    lines = (_REVISION, _DOWN_REVISION)
    revisions, earlier = ({match[1] for match in map(line.search, texts) if match} for line in lines)
    return revisions, earlier


def require_known(engine: Engine) -> None:
    """Raise DatabaseBehind for a schema of a revision that this version can't upgrade: of a newer or unreleased one."""
    current = schema_status(engine).current
    if current is not None and current not in _revisions()[0]:
        raise DatabaseBehind(
            f"the database schema is at {current}, which this version of Botticelli doesn't know",
            where=shown(engine),
            do="start the version that made it, or use a new database (embedded: another BOTTICELLI_HOME)",
        )


def upgrade(engine: Engine, revision: str = NEWEST) -> SchemaStatus:
    """Upgrade the schema to `revision`; any number of processes may do so at once.

    The newest one also gets back the roles that a backup restored without privileges lacks.
    """
    from alembic import command

    require_known(engine)

    def run(config: Config) -> None:
        command.upgrade(config, revision)
        if revision == NEWEST:
            restore_roles(config.attributes["connection"])

    _migrate(engine, run, revision)
    return schema_status(engine)


def downgrade(engine: Engine, revision: str) -> SchemaStatus:
    """Downgrade the schema to `revision` (`base`: empty). Data of the removed tables is lost."""
    from alembic import command

    require_known(engine)
    _migrate(engine, lambda config: command.downgrade(config, revision), revision)
    return schema_status(engine)


def require_current(engine: Engine) -> None:
    """Raise DatabaseBehind unless the schema has the revision that this version of Botticelli needs."""
    status = schema_status(engine)
    require_known(engine)
    if not status.up_to_date:
        raise DatabaseBehind(
            f"the database schema is at {status.current or 'nothing'}, this version needs {status.required}",
            where=shown(engine),
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
        require_utf8(connection)
        connection.execute(text("set local lock_timeout = '60s'"))
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        try:
            run(config)
        except CommandError as error:
            raise InvalidInput(str(error), where=f"revision {revision}", do="see `botticelli db status`") from None
