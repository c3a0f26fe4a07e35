"""`botticelli state`: show, change, export and import the state of narratives, by whole keys and prefixes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from botticelli.cli.base.completions import complete_keys
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, number, one_line, safe
from botticelli.cli.base.json_output import as_json as json_line
from botticelli.cli.base.json_output import plain, print_json
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.data.db_command import confirm
from botticelli.cli.data.state_file import entries_in, storable_json
from botticelli.errors import BotticelliError, InvalidInput, NotFound

if TYPE_CHECKING:
    from botticelli.store import StateEntry, Transaction

Command = TypeVar("Command", bound=Callable[..., Any])

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MAX_SECONDS = 100 * 365 * 86_400
SHOWN_CHARACTERS = 60
SHOWN_KEYS = 5


def _key(ctx: click.Context, parameter: click.Parameter, key: str) -> str:  # noqa: ARG001 (the signature is fixed)
    from botticelli.store.user_data.state import check_key

    check_key(key)
    return key


def _prefix(ctx: click.Context, parameter: click.Parameter, prefix: str | None) -> str | None:
    if prefix is not None:
        _key(ctx, parameter, prefix.removesuffix("."))
    return prefix


def _seconds(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Parse `90s`, `15m`, `1h30m`, `7d` or `2w` into seconds."""
    if text is None:
        return None
    is_duration = re.fullmatch(r"([0-9]{1,12}[smhdw])+", text)
    parts = re.findall(r"([0-9]+)([smhdw])", text) if is_duration else []
    seconds = sum(int(count) * UNIT_SECONDS[unit] for count, unit in parts)
    if not 0 < seconds <= MAX_SECONDS:
        raise click.BadParameter(
            f"{text!r} is not a duration like 90s, 15m, 1h30m or 7d, up to 100 years", ctx, parameter
        )
    return seconds


def key_argument(command: Command) -> Command:
    return click.argument("key", callback=_key, shell_complete=complete_keys)(command)


def scope_options(command: Command) -> Command:
    """Add --prefix, --guild and --narrative, which exclude each other; see `_scope`."""
    for option in (
        click.option("--narrative", metavar="NAME", help="Keys stored by acts of this narrative."),
        click.option("--guild", metavar="ID", help="Keys stored by bot commands in this guild, on any platform."),
        click.option(
            "--prefix", callback=_prefix, metavar="KEY", help="This key, and all keys below it by whole segments."
        ),
    ):
        command = option(command)
    return command


def _scope(**given: str | None) -> Callable[[Transaction], list[str]]:
    """Return a function that resolves the chosen option to prefixes. UsageError for more than one option."""
    from botticelli.store.user_data.state import prefix_of_narrative

    if sum(value is not None for value in given.values()) > 1:
        raise click.UsageError("--prefix, --guild and --narrative exclude each other", click.get_current_context())
    guild, narrative = given["guild"], given["narrative"]
    if "" in (guild, narrative):
        raise click.UsageError("--guild and --narrative must not be empty", click.get_current_context())
    if guild is not None:
        return lambda tx: tx.state.prefixes_of_guild(guild)
    prefix = given["prefix"] or "" if narrative is None else prefix_of_narrative(narrative)
    return lambda tx: [prefix]  # noqa: ARG005 (the signature is fixed)


@click.group(cls=NounGroup, short_help="Show, change, export and clear the state of narratives.")
def state() -> None:
    """Show, change, export and clear the state of narratives. Without a command: `list`.

    KEY is a whole key, like `narrative.digest.topic`; a prefix matches whole segments only.
    """


@state.command("list", short_help="List keys and their values.")
@scope_options
@json_option
@pass_invocation
def list_state(invocation: Invocation, /, as_json: bool, **given: str | None) -> None:
    """List keys and their values, sorted by key."""
    prefixes = _scope(**given)
    with invocation.runtime.store.transaction() as tx:
        entries = tx.state.list_with_prefix(*prefixes(tx))
    if as_json:
        print_json([_object(key, entry) for key, entry in entries.items()])
        return
    rows = [(key, _short(entry), moment(entry.updated_at), moment(entry.expires_at)) for key, entry in entries.items()]
    lines = table(("key", "value", "updated", "expires"), rows, drops=("updated",), wraps=("key", "value"))
    click.echo("\n".join(lines) if entries else "there are no such keys", err=not entries)


@state.command("get", short_help="Show the value of a key.")
@key_argument
@json_option
@pass_invocation
def get(invocation: Invocation, key: str, as_json: bool) -> None:
    """Show the value of KEY: a text as it is, anything else as JSON. With --json the whole entry.

    Exit code 2 when there is no such key.
    """
    with invocation.runtime.store.transaction() as tx:
        entry = tx.state.get(key)
        if entry is None:
            raise _missing(tx, key)
    if as_json:
        print_json(_object(key, entry))
        return
    value = entry.value
    click.echo(safe(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False), keep="\n\t"))


@state.command("set", short_help="Create or replace a key.")
@key_argument
@click.argument("value")
@click.option("--text", "is_text", is_flag=True, help="VALUE is a text, even if it looks like JSON.")
@click.option("--ttl", "ttl_seconds", callback=_seconds, metavar="DURATION", help="Expire after 90s, 15m, 1h30m or 7d.")
@click.option("--if-absent", is_flag=True, help="Only if the key does not exist; else exit code 1.")
@json_option
@pass_invocation
def set_value(
    invocation: Invocation,
    *,
    key: str,
    value: str,
    is_text: bool,
    ttl_seconds: int | None,
    if_absent: bool,
    as_json: bool,
) -> None:
    """Set KEY to VALUE: JSON where VALUE is valid JSON, else a text. Write a negative number after `--`."""
    stored = value if is_text else _value(value)
    with invocation.runtime.store.transaction() as tx:
        metadata = {"by": "botticelli state set"}
        if not tx.state.set(key, stored, ttl_seconds=ttl_seconds, metadata=metadata, if_absent=if_absent):
            raise BotticelliError(
                "the key already exists", where=f"key {key!r}", do="leave out --if-absent to replace it"
            )
        entry = tx.state.get_many([key])[key]
    expiry = f", until {moment(entry.expires_at)}" if entry.expires_at else ""
    _print(as_json, _object(key, entry), f"set {key}{expiry}")


@state.command("delete", short_help="Delete a key.")
@key_argument
@json_option
@pass_invocation
def delete(invocation: Invocation, key: str, as_json: bool) -> None:
    """Delete KEY. Exit code 2 when there is no such key."""
    with invocation.runtime.store.transaction() as tx:
        if not tx.state.delete(key):
            raise _missing(tx, key)
    _print(as_json, {"deleted": key}, f"deleted {key}")


@state.command("clear", short_help="Delete many keys.")
@scope_options
@click.option("--all", "clears_all", is_flag=True, help="All keys.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def clear(invocation: Invocation, /, *, clears_all: bool, yes: bool, as_json: bool, **given: str | None) -> None:
    """Delete the keys of a prefix, a guild or a narrative, or all keys; asks first, with their number."""
    is_scoped = any(value is not None for value in given.values())
    if is_scoped == clears_all:
        raise click.UsageError("give one of --prefix, --guild, --narrative and --all", click.get_current_context())
    prefixes = _scope(**given)
    with invocation.runtime.store.transaction() as tx:
        count = tx.state.count_with_prefix(*prefixes(tx))
    if count:
        confirm(f"delete {_keys(count)}?", yes)
    with invocation.runtime.store.transaction() as tx:
        cleared = tx.state.clear_all() if clears_all else tx.state.clear_with_prefix(*prefixes(tx))
    _print(as_json, {"cleared": cleared}, f"deleted {_keys(cleared)}")


@state.command("export", short_help="Export keys to a file.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@scope_options
@json_option
@pass_invocation
def export(invocation: Invocation, /, file: str, as_json: bool, **given: str | None) -> None:
    """Write keys to FILE, or to standard output: one line of JSON each, with value, dates and metadata.

    FILE is replaced atomically. With FILE, --json prints how many keys were written.
    """
    prefixes = _scope(**given)
    with invocation.runtime.store.transaction() as tx:
        entries = tx.state.list_with_prefix(*prefixes(tx))
    with click.open_file(file, "w", encoding="utf-8", atomic=file != "-") as output:
        output.writelines(f"{json_line(_object(key, entry))}\n" for key, entry in entries.items())
    if file != "-":
        _print(as_json, {"exported": len(entries), "file": file}, f"exported {_keys(len(entries))} to {file}")


@state.command("import", short_help="Import keys from a file.")
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Replace existing keys.")
@json_option
@pass_invocation
def import_file(invocation: Invocation, file: BinaryIO, replace: bool, as_json: bool) -> None:
    """Import the keys of FILE (`-`: standard input), written by `state export`: all of them, or none.

    Refused when one of them exists, unless --replace is given. All dates are imported except `updated_at`.
    """
    entries = entries_in(file.read(), file.name)
    with invocation.runtime.store.transaction() as tx:
        loaded = tx.state.load(entries, replace=replace)
        if loaded.existing:
            raise _existing(loaded.existing, file.name)
    expired = f", {number(loaded.expired)} already expired" if loaded.expired else ""
    _print(
        as_json, {"imported": loaded.written, "expired": loaded.expired}, f"imported {_keys(loaded.written)}{expired}"
    )


def _value(text: str) -> Any:
    try:
        return storable_json(text)
    except ValueError:
        return text


def _object(key: str, entry: StateEntry) -> dict[str, Any]:
    return {"key": key, **plain(entry)}


def _short(entry: StateEntry) -> str:
    return one_line(json.dumps(entry.value, ensure_ascii=False), SHOWN_CHARACTERS)


def _keys(count: int) -> str:
    return f"{number(count)} key{'' if count == 1 else 's'}"


def _missing(tx: Transaction, key: str) -> NotFound:
    near = tx.state.nearest_keys(key)
    hint = f"the nearest keys are {', '.join(near)}" if near else "see `botticelli state list`"
    return NotFound(f"state has no key {key!r}", do=hint)


def _existing(keys: Sequence[str], name: str) -> InvalidInput:
    more = ", ..." if len(keys) > SHOWN_KEYS else ""
    exist = "already exists" if len(keys) == 1 else "already exist"
    problem = f"nothing imported: {_keys(len(keys))} {exist}: {', '.join(keys[:SHOWN_KEYS])}{more}"
    return InvalidInput(problem, where=name, do="give --replace to replace them")


def _print(as_json: bool, data: dict[str, Any], text: str) -> None:
    if as_json:
        print_json(data)
    else:
        click.echo(safe(text))
