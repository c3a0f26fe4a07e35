"""`botticelli tokens`: create, list and revoke the tokens of the HTTP door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, get_args

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, safe
from botticelli.cli.base.json_output import emit, plain
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.base.times import AHEAD
from botticelli.statuses import AccessScope

if TYPE_CHECKING:
    from botticelli.security.access_tokens import NewToken
    from botticelli.store import ApiToken

HEAD = ("id", "name", "scopes", "tenant", "state", "created", "last used")


@click.group(cls=NounGroup, short_help="Create, list and revoke tokens of the HTTP API.")
def tokens() -> None:
    """Create, list and revoke the tokens with which others use `botticelli serve`. Without a command: `list`."""


@tokens.command("create", short_help="Create a token.")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(get_args(AccessScope)),
    help="What it may do; repeatable. Default: read.",
)
@click.option("--tenant", metavar="NAME", help="Bind it to this tenant, whose runs alone it sees and starts.")
@click.option("--expires", "expires_at", type=AHEAD, help="Expire in `12h` or `90d`, or at a date; default: never.")
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    *,
    name: str,
    scopes: tuple[AccessScope, ...],
    tenant: str | None,
    expires_at: datetime | None,
    as_json: bool,
) -> None:
    """Create a token called NAME, and print it. It is shown once: only a hash of it is stored.

    Scopes: read; enqueue (start runs, plan); control (pause, resume, cancel, schedules); approve (effects, content);
    admin (everything, also state, budgets and tokens).
    """
    from botticelli.carousel.actor import user_at_host
    from botticelli.security.access_tokens import create_token

    new = create_token(
        invocation.runtime, name, scopes or ("read",), tenant=tenant, expires_at=expires_at, by=user_at_host()
    )
    emit({"token": new.text, **plain(new.token)}, lambda: _created(new), as_json=as_json)


def _created(new: NewToken) -> Iterator[str]:
    yield new.text
    tenant = f" of the tenant {safe(new.token.tenant)}" if new.token.tenant else ""
    until = f", until {moment(new.token.expires_at)}" if new.token.expires_at else ""
    click.echo(f"botticelli: {', '.join(new.token.scopes)}{tenant}{until}; it is not shown again", err=True)


@tokens.command("list", short_help="List tokens.")
@json_option
@pass_invocation
def list_all(invocation: Invocation, as_json: bool) -> None:
    """List tokens, newest first, without their secrets. Revoked and expired ones stay for the record."""
    from botticelli.security.access_tokens import list_tokens

    rows = list_tokens(invocation.runtime)
    emit(rows, lambda: _table(rows), as_json=as_json, empty="there are no tokens")


def _table(rows: Sequence[ApiToken]) -> list[str]:
    cells = [
        (
            token.id,
            safe(token.name),
            ", ".join(token.scopes),
            safe(token.tenant or "-"),
            _state(token),
            moment(token.created_at),
            moment(token.last_used_at),
        )
        for token in rows
    ]
    return table(HEAD, cells, drops=("created", "tenant"), wraps=("name", "scopes"))


def _state(token: ApiToken) -> str:
    if token.revoked_at:
        return "revoked"
    if not token.is_valid:
        return "expired"
    return f"until {moment(token.expires_at)}" if token.expires_at else "valid"


@tokens.command("revoke", short_help="Revoke a token.")
@click.argument("token_id", metavar="ID")
@json_option
@pass_invocation
def revoke(invocation: Invocation, token_id: str, as_json: bool) -> None:
    """Revoke a token by its ID, or by itself. Requests with it are refused from now on, and its streams end."""
    from botticelli.security.access_tokens import revoke_token

    token = revoke_token(invocation.runtime, token_id)
    emit(token, f"token {token.id} ({safe(token.name)}) is revoked", as_json=as_json)
