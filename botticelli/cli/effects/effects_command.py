"""`botticelli effects`: list and show effects of bot commands, and resolve those of unknown outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.completions import complete_effects, complete_names, complete_runs
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, one_line, safe, short
from botticelli.cli.base.json_output import emit, plain
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import COUNT, NounGroup, json_option
from botticelli.cli.effects.approval_commands import approve, reject
from botticelli.cli.effects.effect_texts import effect_lines
from botticelli.statuses import EFFECT_STATUSES, EffectStatus, Resolution

if TYPE_CHECKING:
    from botticelli.store import Effect, Run

SHOWN_CHARACTERS = 60
ID_CHARACTERS = 12


@click.group(cls=NounGroup, short_help="List effects of bot commands; approve, reject and resolve them.")
def effects() -> None:
    """List what bot commands did, approve or reject waiting effects, and resolve unknown outcomes.

    EFFECT is the beginning of an effect's id. Without a command: `list`.
    """


@effects.command("list", short_help="List the newest effects.")
@click.option("--unknown", is_flag=True, help="Only effects of unknown outcome.")
@click.option("--waiting", is_flag=True, help="Only effects that wait for approval.")
@click.option("--status", type=click.Choice(EFFECT_STATUSES), help="Only effects with this status.")
@click.option("--run", "run_prefix", metavar="RUN", shell_complete=complete_runs, help="Only effects of this run.")
@click.option(
    "--narrative", metavar="NAME", shell_complete=complete_names, help="Only effects of this narrative's runs."
)
@click.option("--limit", type=COUNT, default=50, show_default=True, help="Maximum number of effects.")
@json_option
@pass_invocation
def list_effects(
    invocation: Invocation,
    *,
    unknown: bool,
    waiting: bool,
    status: EffectStatus | None,
    run_prefix: str | None,
    narrative: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List effects, newest first; with --waiting in full, in the order in which they were requested."""
    status = "unknown" if unknown else "waiting" if waiting else status
    with invocation.runtime.store.transaction() as tx:
        run_id = tx.runs.resolve(run_prefix) if run_prefix else None
        chosen = tx.effects.recent(status=status, run_id=run_id, narrative=narrative, limit=limit)
    lines = _waiting if status == "waiting" else _table
    data = [_object(effect) for effect in chosen]
    emit(data, lambda: lines(chosen), as_json=as_json, empty="there are no such effects")


def _table(chosen: Sequence[Effect]) -> list[str]:
    cells = [
        (
            effect.key[:ID_CHARACTERS],
            effect.status,
            effect.command,
            short(effect.run_id),
            moment(effect.intended_at),
            _detail(effect),
        )
        for effect in chosen
    ]
    return table(
        ("effect", "status", "command", "run", "intended", "outcome"),
        cells,
        drops=("intended",),
        wraps=("command", "outcome"),
    )


@effects.command("show", short_help="Show one effect in full.")
@click.argument("effect", shell_complete=complete_effects)
@json_option
@pass_invocation
def show(invocation: Invocation, effect: str, as_json: bool) -> None:
    """Show one effect in full, with its arguments and its result."""
    with invocation.runtime.store.transaction() as tx:
        shown = tx.effects.find(effect)
    data = plain(_object(shown))
    emit(data, lambda: [*_full(data), *_edited(shown)], as_json=as_json)


def _edited(effect: Effect) -> Iterator[str]:
    """Yield what was edited when it was approved."""
    from botticelli.store.runs.effect_difference import difference

    for number, line in enumerate(difference(effect)):
        if not number:
            yield f"edited by {safe(effect.decided_by or '')}:"
        yield f"  {safe(line)}"


def _full(data: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each field that has a value."""
    for name, value in data.items():
        if value is not None:
            yield f"{name}: {safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}"


@effects.command("resolve", short_help="Record the outcome of an effect.")
@click.argument("effect", shell_complete=complete_effects)
@click.option("--done", "resolution", flag_value="done", help="It was done; --data is its result.")
@click.option("--retry", "resolution", flag_value="retry", help="It was not done: perform it again.")
@click.option("--abandon", "resolution", flag_value="abandon", help="Give up: its act fails.")
@click.option("--data", metavar="JSON", help="With --done: the result; its `id` is stored in state.")
@json_option
@pass_invocation
def resolve(
    invocation: Invocation,
    *,
    effect: str,
    resolution: Resolution | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Record the outcome of an effect whose outcome is unknown; then resume its run with `botticelli runs resume`.

    Who resolved it, and when, is recorded with the effect.
    """
    from botticelli.carousel.actor import user_at_host
    from botticelli.carousel.control.resolutions import resolve_effect

    if resolution is None:
        raise click.UsageError("give --done, --retry or --abandon", click.get_current_context())
    if data is not None and resolution != "done":
        raise click.UsageError("--data needs --done", click.get_current_context())
    value = _parsed(data)
    after, run = resolve_effect(invocation.runtime, effect, resolution, by=user_at_host(), data=value)
    outcome = f"effect {after.key[:ID_CHARACTERS]} is {after.status}{_next_step(run)}"
    emit(_object(after), outcome, as_json=as_json)


effects.add_command(approve)
effects.add_command(reject)


def _next_step(run: Run) -> str:
    """Return what to do next with the run: a command, or that it goes on by itself."""
    if run.status == "completed":
        return f"; retry what failed with `botticelli runs retry {run.id}`" if run.failed else ""
    if run.is_final or run.status == "paused":
        return f"; resume it with `botticelli runs resume {run.id}`"
    return f"; its run is {run.status} and continues by itself"


def _waiting(chosen: Sequence[Effect]) -> Iterator[str]:
    """Yield each waiting effect in full, oldest first, and the commands that approve them."""
    for effect in reversed(chosen):
        yield from effect_lines(effect)
        yield ""
    runs = {effect.run_id for effect in chosen}
    scope = f"--run {chosen[0].run_id}" if len(runs) == 1 else "--all"
    yield f"approve one: `botticelli effects approve EFFECT`; all: `botticelli effects approve {scope}`"


def _parsed(data: str | None) -> Any:
    if data is None:
        return {}
    try:
        return json.loads(data)
    except ValueError:
        raise click.UsageError("--data is not valid JSON", click.get_current_context()) from None


def _object(effect: Effect) -> dict[str, Any]:
    names = [field.name for field in fields(effect) if field.name != "key"]
    return {"id": effect.key, **{name: getattr(effect, name) for name in names}}


def _detail(effect: Effect) -> str:
    if effect.status == "waiting":
        return one_line(json.dumps(effect.args, ensure_ascii=False), SHOWN_CHARACTERS)
    detail = effect.error or (json.dumps(effect.output, ensure_ascii=False) if effect.output is not None else "")
    return one_line(detail, SHOWN_CHARACTERS)
