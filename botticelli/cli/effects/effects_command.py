"""`botticelli effects`: what bot commands did outside, and what a person says of those that hang on a person's word."""

from __future__ import annotations

import getpass
import json
import platform
from typing import TYPE_CHECKING, Any, Literal

import click

from botticelli.cli.base.completions import complete_effects, complete_names, complete_runs
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, one_line, safe, short
from botticelli.cli.base.json_output import plain, print_json
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.effects.approval_commands import approve, reject
from botticelli.cli.effects.effect_texts import effect_lines

if TYPE_CHECKING:
    from botticelli.store import Run, Transaction

SHOWN_CHARACTERS = 60
ID_CHARACTERS = 12
STATUSES = ("waiting", "approved", "rejected", "intended", "done", "failed", "unknown")


@click.group(cls=NounGroup, short_help="Show what bot commands did; approve, reject and resolve them.")
def effects() -> None:
    """Show what bot commands did outside, approve or reject those that wait, and resolve what nobody knows.

    EFFECT is the beginning of an effect's id. Without a command: `list`.
    """


@effects.command("list", short_help="The newest effects.")
@click.option("--unknown", is_flag=True, help="Only those of which nobody knows whether they were done.")
@click.option("--waiting", is_flag=True, help="Only those that wait to be approved or rejected.")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--run", "run_prefix", metavar="RUN", shell_complete=complete_runs, help="Only those of this run.")
@click.option("--narrative", metavar="NAME", shell_complete=complete_names, help="Only those of its runs.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@json_option
@pass_invocation
def list_effects(
    invocation: Invocation,
    *,
    unknown: bool,
    waiting: bool,
    status: str | None,
    run_prefix: str | None,
    narrative: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """The newest effects, the newest first; those that wait with all their texts, in the order in which they asked."""
    status = "unknown" if unknown else "waiting" if waiting else status
    with invocation.runtime.store.transaction() as tx:
        run_id = tx.runs.resolve(run_prefix) if run_prefix else None
        found = tx.effects.recent(status=status, run_id=run_id, narrative=narrative, limit=limit)
    if as_json:
        print_json([_object(row) for row in found])
        return
    if status == "waiting" and found:
        _print_waiting(found)
        return
    rows = [
        (
            row["key"][:ID_CHARACTERS],
            row["status"],
            row["command"],
            short(row["run_id"]),
            moment(row["intended_at"]),
            _told(row),
        )
        for row in found
    ]
    lines = table(
        ("effect", "status", "command", "run", "intended", "outcome"),
        rows,
        drops=("intended",),
        wraps=("command", "outcome"),
    )
    click.echo("\n".join(lines) if found else "there are no such effects", err=not found)


@effects.command("show", short_help="Everything that is known about an effect.")
@click.argument("effect", shell_complete=complete_effects)
@json_option
@pass_invocation
def show(invocation: Invocation, effect: str, as_json: bool) -> None:
    """Everything that is known about an effect, with its arguments and its result."""
    with invocation.runtime.store.transaction() as tx:
        row = tx.effects.find(effect)
    if as_json:
        print_json(_object(row))
        return
    for name, value in plain(_object(row)).items():
        if value is not None:
            click.echo(f"{name}: {safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}")


@effects.command("resolve", short_help="Say what became of an effect of unknown outcome.")
@click.argument("effect", shell_complete=complete_effects)
@click.option("--done", "resolution", flag_value="done", help="It was done: --data is its result.")
@click.option("--retry", "resolution", flag_value="retry", help="It was not done: do it.")
@click.option("--abandon", "resolution", flag_value="abandon", help="It is not to be done: its act fails.")
@click.option("--data", metavar="JSON", help="With --done: the result; its `id` is kept in state.")
@json_option
@pass_invocation
def resolve(
    invocation: Invocation,
    *,
    effect: str,
    resolution: Literal["done", "retry", "abandon"] | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Say what became of an effect of unknown outcome; then `botticelli runs resume` goes on with its run.

    Who said it, and when, is kept with the effect.
    """
    if resolution is None:
        raise click.UsageError("say --done, --retry or --abandon", click.get_current_context())
    if data is not None and resolution != "done":
        raise click.UsageError("--data belongs to --done", click.get_current_context())
    value = _parsed(data)
    with invocation.runtime.store.transaction() as tx:
        row = tx.effects.find(effect, lock=True)
        tx.effects.resolve(row["key"], resolution, by=f"{getpass.getuser()}@{platform.node()}", data=value)
        if resolution == "done":
            _capture(tx, row, value)
        after = tx.effects.find(row["key"])
        run = tx.runs.get(row["run_id"])
    if as_json:
        print_json(_object(after))
        return
    click.echo(f"effect {row['key'][:ID_CHARACTERS]} is {after['status']}{_next_step(run)}")


effects.add_command(approve)
effects.add_command(reject)


def _next_step(run: Run) -> str:
    """The command that goes on with the run, where one does."""
    if run.status == "completed":
        return f"; perform what failed again with `botticelli runs retry {run.id}`" if run.failed else ""
    if run.is_final or run.status == "paused":
        return f"; go on with `botticelli runs resume {run.id}`"
    return f"; its run is {run.status} and goes on by itself"


def _print_waiting(rows: list[dict[str, Any]]) -> None:
    """Each with the texts that would go out, the first asked first, and how to decide them."""
    for row in reversed(rows):
        click.echo("\n".join(effect_lines(row)) + "\n")
    runs = {row["run_id"] for row in rows}
    which = f"--run {rows[0]['run_id']}" if len(runs) == 1 else "--all"
    click.echo(f"approve one with `botticelli effects approve EFFECT`, all with `botticelli effects approve {which}`")


def _parsed(data: str | None) -> Any:
    if data is None:
        return {}
    try:
        return json.loads(data)
    except ValueError:
        raise click.UsageError("--data is not JSON", click.get_current_context()) from None


def _capture(tx: Transaction, row: dict[str, Any], value: Any) -> None:
    """As the command itself would have kept its id."""
    plan = row["capture"]
    names = ("id", f"{plan['kind']}_id") if plan else ()
    identity = next((str(value[name]) for name in names if isinstance(value, dict) and value.get(name)), None)
    if identity is None:
        return
    entry = {"id": identity, "name": plan["name"], "created_at": row["intended_at"].isoformat(), "metadata": {}}
    for key in plan["keys"]:
        tx.state.set(key, entry, metadata={"run": row["run_id"], "command": row["command"]})


def _object(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["key"], **{name: value for name, value in row.items() if name not in ("key", "capture", "fence")}}


def _told(row: dict[str, Any]) -> str:
    if row["status"] == "waiting":
        return one_line(json.dumps(row["args"], ensure_ascii=False), SHOWN_CHARACTERS)
    told = row["error"] or (json.dumps(row["output"], ensure_ascii=False) if row["output"] is not None else "")
    return one_line(told, SHOWN_CHARACTERS)
