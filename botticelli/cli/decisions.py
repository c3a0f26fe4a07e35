"""`botticelli effects approve` and `reject`: a person's word for effects that wait for it. Performs none of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.arguments import json_option
from botticelli.cli.db import confirm
from botticelli.cli.invocation import Invocation, pass_invocation
from botticelli.cli.output import print_json
from botticelli.cli.terminal import safe
from botticelli.errors import NotFound

if TYPE_CHECKING:
    from botticelli.store import Decision

ID_CHARACTERS = 12


@click.command(short_help="Let effects be performed that wait for it.")
@click.argument("effect", required=False)
@click.option("--run", "run_prefix", metavar="RUN", help="All that wait in this run now, instead of one EFFECT.")
@click.option("--reason", default="", metavar="TEXT", help="Kept with the effect.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def approve(
    invocation: Invocation, *, effect: str | None, run_prefix: str | None, reason: str, yes: bool, as_json: bool
) -> None:
    """Let effects be performed that wait for it: each as it is shown, with these arguments, once.

    EFFECT is the beginning of its id. The run goes on by itself. Who said it, when and why, is kept with the effect; the
    first word counts.
    """
    found = _found(invocation, effect, run_prefix)
    for row in found:
        click.echo(f"{row['key'][:ID_CHARACTERS]} {_as_asked(row)}", err=True)
    if any(row["status"] == "waiting" for row in found):
        confirm(f"approve {'it' if len(found) == 1 else f'these {len(found)}'}?", yes, "this wants a person's word")
    _decide(invocation, found, "approved", reason, as_json)


@click.command(short_help="Keep effects from being performed that wait for a word.")
@click.argument("effect", required=False)
@click.option("--run", "run_prefix", metavar="RUN", help="All that wait in this run now, instead of one EFFECT.")
@click.option("--reason", default="", metavar="TEXT", help="Kept with the effect; its act fails with it.")
@json_option
@pass_invocation
def reject(invocation: Invocation, *, effect: str | None, run_prefix: str | None, reason: str, as_json: bool) -> None:
    """Keep effects from being performed that wait for a word: their acts fail, or go on without them if they may.

    EFFECT is the beginning of its id. The run goes on by itself. Who said it, when and why, is kept with the effect; the
    first word counts.
    """
    _decide(invocation, _found(invocation, effect, run_prefix), "rejected", reason, as_json)


def _found(invocation: Invocation, effect: str | None, run_prefix: str | None) -> list[dict[str, Any]]:
    if (effect is None) == (run_prefix is None):
        raise click.UsageError("name one EFFECT, or a run with --run", click.get_current_context())
    with invocation.runtime.store.transaction() as tx:
        if run_prefix is None:
            return [tx.effects.find(effect or "")]
        run_id = tx.runs.resolve(run_prefix)
        found = [row for row in tx.effects.of_run(run_id) if row["status"] == "waiting"]
    if not found:
        raise NotFound(f"no effect of run {run_id} waits for a word", do="see `botticelli effects --waiting`")
    return found


def _decide(
    invocation: Invocation, found: Sequence[dict[str, Any]], decision: Decision, reason: str, as_json: bool
) -> None:
    from botticelli.carousel import Mover, decide

    decided = [decide(invocation.runtime, row["key"], decision, Mover(reason)) for row in found]
    if as_json:
        print_json(
            [
                {
                    "id": one.effect["key"],
                    "status": one.effect["status"],
                    "command": one.effect["command"],
                    "args": one.effect["args"],
                    "run_id": one.effect["run_id"],
                    "decided_by": one.effect["decided_by"],
                    "decided_at": one.effect["decided_at"],
                    "decision_reason": one.effect["decision_reason"],
                    "changed": one.changed,
                }
                for one in decided
            ]
        )
        return
    for one in decided:
        key, by = one.effect["key"][:ID_CHARACTERS], one.effect["decided_by"]
        told = f"{decision}; run {one.effect['run_id']} goes on" if one.changed else f"{decision} before, by {safe(by)}"
        click.echo(f"effect {key} is {told}")


def _as_asked(row: dict[str, Any]) -> str:
    return safe(f"{row['platform']} {row['command']} {json.dumps(row['args'], ensure_ascii=False)}")
