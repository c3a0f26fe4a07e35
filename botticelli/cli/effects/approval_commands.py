"""`botticelli effects approve` and `reject`: record decisions on waiting effects; workers perform them later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from botticelli.cli.base.completions import complete_names, complete_runs, complete_waiting
from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import json_option
from botticelli.cli.effects.effect_texts import effect_lines
from botticelli.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from botticelli.carousel.control.approvals import ApprovalResult
    from botticelli.statuses import Decision
    from botticelli.store import Effect

ID_CHARACTERS = 12


Command = TypeVar("Command", bound=Callable[..., Any])


def chosen_effects(command: Command) -> Command:
    """Add EFFECT, --all, --run and --narrative, which choose the waiting effects."""
    options = (
        click.argument("effect", required=False, shell_complete=complete_waiting),
        click.option("--all", "every", is_flag=True, help="All waiting effects, instead of one EFFECT."),
        click.option(
            "--run", "run_prefix", metavar="RUN", shell_complete=complete_runs, help="All waiting effects of this run."
        ),
        click.option(
            "--narrative",
            metavar="NAME",
            shell_complete=complete_names,
            help="All waiting effects of this narrative's runs.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Approve waiting effects.")
@chosen_effects
@click.option("--reason", default="", metavar="TEXT", help="Recorded with the effect.")
@click.option("--edit", "edits", multiple=True, metavar="NAME=TEXT", help="Replaces an argument of the one EFFECT.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def approve(
    invocation: Invocation, /, *, reason: str, edits: tuple[str, ...], yes: bool, as_json: bool, **chosen: Any
) -> int:
    """Approve waiting effects: each is performed once, with the arguments shown.

    EFFECT is the beginning of an id; --all, --run and --narrative choose several. Their runs resume by themselves.
    Who decided, when and why is recorded with the effect; the first decision is final. With --edit the effect is
    performed with the edited argument; the prepared one is recorded, too.
    """
    given = _edits(edits, chosen)
    effects = _chosen(invocation, **chosen)
    for effect in effects:
        click.echo("\n".join([*effect_lines(effect), *_edit_lines(effect, given)]), err=True)
    if any(effect.status == "waiting" for effect in effects):
        question = f"approve {'it' if len(effects) == 1 else f'these {len(effects):,}'}?"
        confirm(question, yes, "approval")
    return _decide(invocation, effects, "approved", reason, as_json=as_json, edits=given)


def _edits(edits: Sequence[str], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Read NAME=TEXT; a list or a table is written as JSON. UsageError for another form, or for several effects."""
    if edits and chosen.get("effect") is None:
        raise click.UsageError("--edit needs one EFFECT", click.get_current_context())
    given: dict[str, Any] = {}
    for edit in edits:
        name, separator, text = edit.partition("=")
        if not separator or not name:
            raise click.UsageError("--edit takes NAME=TEXT, such as content=Hello", click.get_current_context())
        try:
            given[name] = json.loads(text) if text[:1] in ("[", "{") else text
        except ValueError:
            given[name] = text
    return given


def _edit_lines(effect: Effect, edits: Mapping[str, Any]) -> list[str]:
    """Return what the edits change, as lines with `-` and `+`."""
    from botticelli.store.runs.effect_difference import difference

    if not edits:
        return []
    edited = replace(effect, prepared_args=effect.args, args={**effect.args, **edits})
    return ["  edited:", *(f"  {safe(line)}" for line in difference(edited))]


@click.command(short_help="Reject waiting effects.")
@chosen_effects
@click.option("--reason", default="", metavar="TEXT", help="Recorded with the effect; its act fails with it.")
@json_option
@pass_invocation
def reject(invocation: Invocation, /, *, reason: str, as_json: bool, **chosen: Any) -> int:
    """Reject waiting effects: their acts fail, or go on without them where the command is not required.

    EFFECT is the beginning of an id; --all, --run and --narrative choose several. Their runs resume by themselves.
    Who decided, when and why is recorded with the effect; the first decision is final.
    """
    return _decide(invocation, _chosen(invocation, **chosen), "rejected", reason, as_json=as_json)


def _chosen(
    invocation: Invocation, effect: str | None, every: bool, run_prefix: str | None, narrative: str | None
) -> Sequence[Effect]:
    """Return the chosen effects. UsageError for no choice or two, NotFound when none waits."""
    is_many = every or run_prefix is not None or narrative is not None
    if (effect is None) != is_many:
        message = "name one EFFECT, or several with --all, --run or --narrative"
        raise click.UsageError(message, click.get_current_context())
    with invocation.runtime.store.transaction() as tx:
        if effect is not None:
            return [tx.effects.find(effect)]
        run_id = tx.runs.resolve(run_prefix) if run_prefix is not None else None
        waiting = tx.effects.waiting(run_id=run_id, narrative=narrative)
    if not waiting:
        of_run = f" of run {run_id}" if run_id else ""
        of_narrative = f" of narrative {narrative!r}" if narrative else ""
        raise NotFound(
            f"no effect{of_run}{of_narrative} waits for approval", do="see `botticelli effects list --waiting`"
        )
    return waiting


def _decide(
    invocation: Invocation,
    effects: Sequence[Effect],
    decision: Decision,
    reason: str,
    *,
    as_json: bool,
    edits: Mapping[str, Any] | None = None,
) -> int:
    """Decide each effect on its own; one that was decided otherwise meanwhile is reported, and the rest go on."""
    from botticelli.carousel import Actor, decide

    code, printed = 0, []
    for effect in effects:
        try:
            decided = decide(invocation.runtime, effect.key, decision, Actor(reason), edits=edits)
        except InvalidInput as error:
            if len(effects) == 1:
                raise
            click.echo(f"botticelli: error: {safe(str(error))}", err=True)
            code = error.exit_code
            continue
        if as_json:
            names = (
                "status",
                "command",
                "args",
                "prepared_args",
                "run_id",
                "decided_by",
                "decided_at",
                "decision_reason",
            )
            data = {"id": decided.effect.key, **{name: getattr(decided.effect, name) for name in names}}
            printed.append({**data, "changed": decided.changed})
        else:
            click.echo(_outcome(decided, decision))
    if as_json:
        print_json(printed)
    return code


def _outcome(decided: ApprovalResult, decision: Decision) -> str:
    effect = decided.effect
    outcome = f"already {decision}, by {safe(effect.decided_by or '')}"
    if decided.changed:
        outcome = f"{decision}; run {effect.run_id} resumes"
    return f"effect {effect.key[:ID_CHARACTERS]} is {outcome}"
