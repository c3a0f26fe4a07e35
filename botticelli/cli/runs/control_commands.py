"""`botticelli runs` pause, resume, cancel, retry, fork and prune: the levers, each with a reason for the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import json_option, run_argument
from botticelli.cli.base.times import past

if TYPE_CHECKING:
    from botticelli.store import Run

FINAL_STATUSES = ("completed", "failed", "budget_exhausted", "cancelled")
Command = TypeVar("Command", bound=Callable[..., Any])


def reason_option(command: Command) -> Command:
    return click.option("--reason", default="", metavar="TEXT", help="Why; it is recorded with who and when.")(command)


def now_option(command: Command) -> Command:
    text = "Also hold before the next call or effect; returns when none can begin."
    return click.option("--now", is_flag=True, help=text)(command)


@click.command("pause", short_help="Start no further iteration of a run.")
@run_argument
@now_option
@reason_option
@json_option
@pass_invocation
def pause_run(invocation: Invocation, *, run_id: str, now: bool, reason: str, as_json: bool) -> None:
    """Start no further iteration.

    Start no further iteration; what is being performed ends, or with --now is given back before its next call or
    effect. Calls that have begun are answered and kept. Nothing changes for a run that is over.
    """
    from botticelli.carousel import Mover, pause

    _say(pause(invocation.runtime, resolve(invocation, run_id), Mover(reason), now=now), as_json)


@click.command("cancel", short_help="End a run.")
@run_argument
@now_option
@reason_option
@json_option
@pass_invocation
def cancel_run(invocation: Invocation, *, run_id: str, now: bool, reason: str, as_json: bool) -> None:
    """Start nothing more; what is being performed stops at its next call. Nothing changes for a run that is over."""
    from botticelli.carousel import Mover, cancel

    _say(cancel(invocation.runtime, resolve(invocation, run_id), Mover(reason), now=now), as_json)


@click.command("resume", short_help="Go on with a run.")
@run_argument
@click.option("--follow", is_flag=True, help="Show how it goes, with a worker where there is none, as `run` does.")
@reason_option
@json_option
@pass_invocation
def resume_run(invocation: Invocation, *, run_id: str, follow: bool, reason: str, as_json: bool) -> int:
    """Go on with a run that was paused, or that ended without being complete. What is finished is kept."""
    from botticelli.carousel import Mover, resume
    from botticelli.cli.base.signals import Interruptions
    from botticelli.cli.follow.plain_views import PlainView, view_for
    from botticelli.cli.follow.session import perform_here, say_if_no_worker

    found = resolve(invocation, run_id)
    if not follow:
        _say(resume(invocation.runtime, found, Mover(reason)), as_json)
        say_if_no_worker(invocation, PlainView())
        return 0
    with Interruptions() as interruptions:
        resume(invocation.runtime, found, Mover(reason))
        return perform_here(invocation, found, view_for(as_json=as_json), interruptions, starts_worker=True)


@click.command("retry", short_help="Perform failed iterations again.")
@run_argument
@reason_option
@json_option
@pass_invocation
def retry_run(invocation: Invocation, *, run_id: str, reason: str, as_json: bool) -> None:
    """Perform the failed iterations again, of a complete run too; their acts that are done are kept.

    A run that a failure ended goes on. Nothing changes for a run without failures.
    """
    from botticelli.carousel import Mover, retry
    from botticelli.cli.follow.plain_views import PlainView
    from botticelli.cli.follow.session import say_if_no_worker

    run = retry(invocation.runtime, resolve(invocation, run_id), Mover(reason))
    _say(run, as_json)
    if not run.is_final:
        say_if_no_worker(invocation, PlainView())


def _changes(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`ACT.KEY=TEXT` texts as a mapping."""
    pairs = [text.partition("=") for text in given]
    for key, equals, _ in pairs:
        if not equals or "." not in key:
            raise click.BadParameter(f"{key!r} is not ACT.KEY=TEXT", ctx, parameter)
    return {key: text for key, _, text in pairs}


@click.command("fork", short_help="A new run that keeps the beginning of an older one.")
@run_argument
@click.option("--from", "number", type=click.IntRange(min=1), required=True, metavar="N", help="Perform from this one.")
@click.option("--act", metavar="NAME", help="Of iteration N, keep the acts before this one.")
@click.option(
    "--set", "changes", multiple=True, metavar="ACT.KEY=TEXT", callback=_changes, help="Change an act; repeatable."
)
@click.option("--allow-effects", is_flag=True, help="Do commands again that change the world outside.")
@click.option("--idempotency-key", metavar="KEY", help="The same key again names the first fork.")
@reason_option
@json_option
@pass_invocation
def fork_run(
    invocation: Invocation,
    *,
    run_id: str,
    number: int,
    act: str | None,
    changes: dict[str, str],
    allow_effects: bool,
    idempotency_key: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Start a new run of the same narrative.

    It has the iterations before N with their outputs, which it doesn't pay again, and performs the rest. KEY is prompt,
    system, model, temperature or max_tokens. Prints the id of the new run.
    """
    from botticelli.carousel import Fork, Mover, fork
    from botticelli.cli.follow.plain_views import PlainView
    from botticelli.cli.follow.session import say_if_no_worker

    wanted = Fork(number, act, changes, allow_effects, idempotency_key)
    forked = fork(invocation.runtime, resolve(invocation, run_id), wanted, Mover(reason))
    view = PlainView()
    for warning in forked.warnings:
        view.note(f"warning: {warning}")
    if as_json:
        print_json(forked.run)
    else:
        click.echo(forked.run.id)
    say_if_no_worker(invocation, view)


@click.command("prune", short_help="Delete runs that ended long ago.")
@click.option("--older-than", "before", callback=past, required=True, metavar="WHEN", help="`30d`, or a date.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(FINAL_STATUSES), help="Only these; repeatable.")
@click.option("--dry-run", is_flag=True, help="Say how many there are; delete none.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def prune_runs(
    invocation: Invocation, *, before: datetime, statuses: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete runs that ended before WHEN, with iterations, outputs, effects and levers.

    Kept are runs with an effect of unknown outcome, and the ledger for as long as a window, an audit or an estimate may
    count it.
    """
    from botticelli.carousel import prune

    chosen = statuses or FINAL_STATUSES
    found = prune(invocation.runtime, before, chosen, dry_run=True)
    if not dry_run and found.runs:
        if not yes:
            click.confirm(f"delete {found.runs:,} runs for good?", abort=True, err=True)
        found = prune(invocation.runtime, before, chosen)
    if as_json:
        print_json({"runs": found.runs, "ledger": found.ledger, "dry_run": dry_run})
    else:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {found.runs:,} runs")


LEVERS = (pause_run, resume_run, cancel_run, retry_run, fork_run, prune_runs)


def resolve(invocation: Invocation, prefix: str) -> str:
    """The full id of a run. NotFound."""
    with invocation.runtime.store.transaction() as tx:
        return tx.runs.resolve(prefix)


def _say(run: Run, as_json: bool) -> None:
    """The run as it is after the lever was moved."""
    if as_json:
        print_json(run)
        return
    ending = f", will be {run.ending}" if run.ending and not run.is_final else ""
    held = " and held before its next call" if run.hold == "now" else ""
    click.echo(f"run {run.id} is {run.status}{held}{ending}")
