"""`botticelli db`: the schema of the database. Doesn't go through the store, which refuses a schema that is not its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import NounGroup, json_option

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from botticelli.store.connection.database import SchemaStatus

MIGRATION_SECONDS = 3600
"""How long one statement of a migration may take."""


@click.group(cls=NounGroup, bare="status", short_help="Upgrade the database schema, and show its version.")
def db() -> None:
    """Upgrade the database schema, and show its version. Without a command: `status`."""


@db.command("status", short_help="The version of the schema.")
@json_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> int:
    """The version that the schema has, and the one that is needed. Exit code 1 when they differ."""
    from botticelli.store.connection.database import schema_status

    return _say(schema_status(engine_of(invocation)), as_json)


@db.command("upgrade", short_help="Bring the schema up to date.")
@click.argument("revision", default="head")
@json_option
@pass_invocation
def upgrade(invocation: Invocation, revision: str, as_json: bool) -> None:
    """Bring the schema to REVISION (default: the newest). Safe while others do the same."""
    from botticelli.store.connection.database import upgrade

    _say(upgrade(engine_of(invocation), revision), as_json)


@db.command("downgrade", short_help="Take the schema back.")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def downgrade(invocation: Invocation, revision: str, yes: bool, as_json: bool) -> None:
    """Take the schema back to REVISION (`base`: empty). What newer tables hold is lost."""
    from botticelli.store.connection.database import downgrade

    confirm("what the newer tables and columns hold is lost; go on?", yes)
    _say(downgrade(engine_of(invocation), revision), as_json)


def engine_of(invocation: Invocation) -> Engine:
    """Postgres without a look at its schema; the embedded one is started."""
    from botticelli.store.connection.database import make_engine

    url, origin = invocation.runtime.database_url, invocation.settings.where("database", "url")
    return make_engine(url, pool_size=1, statement_timeout_seconds=MIGRATION_SECONDS, origin=origin)


def confirm(question: str, yes: bool, what: str = "this destroys data") -> None:
    """Ask, unless the answer was given; nobody is asked who can't answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what} and nobody can be asked; give --yes")
    click.confirm(question, abort=True, err=True)


def _say(found: SchemaStatus, as_json: bool) -> int:
    if as_json:
        print_json({"current": found.current, "wanted": found.wanted, "up_to_date": found.up_to_date})
    else:
        tail = "up to date" if found.up_to_date else f"this version needs {found.wanted}: botticelli db upgrade"
        click.echo(f"schema {found.current or 'empty'}: {tail}")
    return 0 if found.up_to_date else 1
