"""`botticelli db`: show and migrate the database schema. Bypasses the store, which refuses an outdated schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import NounGroup, json_option

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from botticelli.store.connection.database import SchemaStatus

MIGRATION_SECONDS = 3600
"""Statement timeout of a migration."""


@click.group(cls=NounGroup, bare="status", short_help="Upgrade the database schema, and show its version.")
def db() -> None:
    """Upgrade the database schema, and show its version. Without a command: `status`."""


@db.command("status", short_help="Show the version of the schema.")
@json_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> int:
    """Show the version of the schema and the required one. Exit code 1 when they differ."""
    from botticelli.store.connection.database import schema_status

    return _print(schema_status(engine_of(invocation)), as_json)


@db.command("upgrade", short_help="Upgrade the schema.")
@click.argument("revision", default="head")
@json_option
@pass_invocation
def upgrade(invocation: Invocation, revision: str, as_json: bool) -> None:
    """Upgrade the schema to REVISION (default: the newest). Concurrent upgrades are safe."""
    from botticelli.store.connection.database import upgrade

    _print(upgrade(engine_of(invocation), revision), as_json)


@db.command("downgrade", short_help="Downgrade the schema.")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def downgrade(invocation: Invocation, revision: str, yes: bool, as_json: bool) -> None:
    """Downgrade the schema to REVISION (`base`: empty). Data in newer tables and columns is lost."""
    from botticelli.store.connection.database import downgrade

    confirm("data in newer tables and columns will be lost; continue?", yes)
    _print(downgrade(engine_of(invocation), revision), as_json)


def engine_of(invocation: Invocation) -> Engine:
    """Connect to Postgres without checking its schema; starts the embedded one."""
    from botticelli.store.connection.database import make_engine

    url, origin = invocation.runtime.database_url, invocation.settings.where("database", "url")
    return make_engine(url, pool_size=1, statement_timeout_seconds=MIGRATION_SECONDS, origin=origin)


def _print(schema: SchemaStatus, as_json: bool) -> int:
    data = {"current": schema.current, "required": schema.required, "up_to_date": schema.up_to_date}
    needed = f"this version needs {schema.required}; run `botticelli db upgrade`"
    tail = "up to date" if schema.up_to_date else needed
    emit(data, f"schema {schema.current or 'empty'}: {tail}", as_json=as_json)
    return 0 if schema.up_to_date else 1
