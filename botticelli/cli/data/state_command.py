"""`botticelli state`: show, change, export and import the state of narratives, by whole keys and prefixes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from botticelli.cli.base.completions import complete_keys
from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, number, one_line, safe
from botticelli.cli.base.json_output import as_json as json_line
from botticelli.cli.base.json_output import emit, plain
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.base.times import Duration
from botticelli.errors import BotticelliError, InvalidInput, NotFound

if TYPE_CHECKING:
    from botticelli.store import StateEntry, Transaction

Command = TypeVar("Command", bound=Callable[..., Any])

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
    data = [_object(key, entry) for key, entry in entries.items()]
    emit(data, lambda: _table(entries), as_json=as_json, empty="there are no such keys")


def _table(entries: Mapping[str, StateEntry]) -> list[str]:
    rows = [(key, _short(entry), moment(entry.updated_at), moment(entry.expires_at)) for key, entry in entries.items()]
    return table(("key", "value", "updated", "expires"), rows, drops=("updated",), wraps=("key", "value"))


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
    value = entry.value
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    emit(_object(key, entry), safe(text, keep="\n\t"), as_json=as_json)


@state.command("set", short_help="Create or replace a key.")
@key_argument
@click.argument("value")
@click.option("--text", "is_text", is_flag=True, help="VALUE is a text, even if it looks like JSON.")
@click.option("--ttl", "ttl_seconds", type=Duration(whole=True), help="Expire after this time: 45s, 1h30m, 3d.")
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
    emit(_object(key, entry), safe(f"set {key}{expiry}"), as_json=as_json)


@state.command("delete", short_help="Delete a key.")
@key_argument
@json_option
@pass_invocation
def delete(invocation: Invocation, key: str, as_json: bool) -> None:
    """Delete KEY. Exit code 2 when there is no such key."""
    with invocation.runtime.store.transaction() as tx:
        if not tx.state.delete(key):
            raise _missing(tx, key)
    emit({"deleted": key}, safe(f"deleted {key}"), as_json=as_json)


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
    emit({"cleared": cleared}, safe(f"deleted {_keys(cleared)}"), as_json=as_json)


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
        emit(
            {"exported": len(entries), "file": file}, safe(f"exported {_keys(len(entries))} to {file}"), as_json=as_json
        )


@state.command("import", short_help="Import keys from a file.")
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Replace existing keys.")
@json_option
@pass_invocation
def import_file(invocation: Invocation, file: BinaryIO, replace: bool, as_json: bool) -> None:
    """Import the keys of FILE (`-`: standard input), written by `state export`: all of them, or none.

    Refused when one of them exists, unless --replace is given. All dates are imported except `updated_at`.
    """
    from botticelli.store.user_data.state_file import entries_in

    entries = entries_in(file.read(), file.name)
    with invocation.runtime.store.transaction() as tx:
        loaded = tx.state.load(entries, replace=replace)
        if loaded.existing:
            raise _existing(loaded.existing, file.name)
    expired = f", {number(loaded.expired)} already expired" if loaded.expired else ""
    data = {"imported": loaded.written, "expired": loaded.expired}
    emit(data, f"imported {_keys(loaded.written)}{expired}", as_json=as_json)


def _value(text: str) -> Any:
    from botticelli.store.user_data.state_file import storable_json

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
