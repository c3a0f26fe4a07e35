"""Makes the engine of Postgres, and checks and migrates the version of its schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Connection, Engine, create_engine, text

from botticelli.errors import (
    DatabaseBehind,
    DatabaseUnfit,
    InvalidInput,
    SettingsError,
)
from botticelli.loading.app_folder import app_folder
from botticelli.settings.network import Fault, certificates_fault, file_fault
from botticelli.store.connection.schema_roles import restore_roles
from botticelli.store.connection.sessions import (
    ORIGIN,
    SessionLimits,
    connected,
    limit_sessions,
    ping_doubtful_connections,
    shown,
)
from botticelli.store.schema.statements import send_waiting_first

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "head"
MIGRATION_LOCK = 0x426F7474
"""Key of the advisory lock under which the schema is changed."""
_FILES = {"sslrootcert": certificates_fault, "sslcert": file_fault, "sslkey": file_fault, "sslcrl": file_fault}
_NO_FILES = ("", "system")
"""Values that libpq accepts in place of a file."""

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
    send_waiting_first(engine)
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


def require_utf8(connection: Connection) -> None:
    """Raise DatabaseUnfit unless the encoding of the database is UTF8, which holds every character of a model."""
    encoding = connection.execute(text("show server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise DatabaseUnfit(
            f"the database has the encoding {encoding}, which can't hold every character",
            where=shown(connection.engine),
            do="create one with `create database ... encoding 'UTF8' template template0`, and name it in the URL",
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
