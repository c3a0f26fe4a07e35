"""`botticelli runs`: list, show, watch, pause, resume and cancel. What `show` prints is made in run_details.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from botticelli.cli.arguments import NounGroup, json_option, run_argument
from botticelli.cli.invocation import Invocation, pass_invocation
from botticelli.cli.output import print_json

if TYPE_CHECKING:
    from botticelli.store import Run

STATUSES = ("queued", "running", "waiting", "paused", "completed", "failed", "budget_exhausted", "cancelled")


@click.group(cls=NounGroup, short_help="List, show, watch, pause, resume and cancel runs.")
def runs() -> None:
    """List, show, watch, pause, resume and cancel runs.

    RUN is the beginning of a run's id, or `latest`. Without a command: `list`.
    """


@runs.command("list", short_help="The newest runs.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only these; repeatable.")
@click.option("--narrative", metavar="NAME", help="Only runs of this narrative.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@json_option
@pass_invocation
def list_runs(
    invocation: Invocation, statuses: tuple[str, ...], narrative: str | None, limit: int, as_json: bool
) -> None:
    """The newest runs, the newest first."""
    with invocation.runtime.store.transaction() as tx:
        found = tx.runs.recent(statuses=statuses, narrative=narrative, limit=limit)
    if as_json:
        print_json(found)
        return
    from botticelli.cli.run_details import run_table

    click.echo("\n".join(run_table(found)) if found else "there are no such runs", err=not found)


@runs.command("show", short_help="Everything that is known about a run.")
@run_argument
@click.option("--iteration", type=click.IntRange(min=1), metavar="N", help="One iteration, with prompts and outputs.")
@click.option("--acts", is_flag=True, help="The acts of each iteration, with prompts and outputs.")
@click.option("--all", "show_all", is_flag=True, help="Every iteration, not the first and last 20 only.")
@json_option
@pass_invocation
def show(
    invocation: Invocation, *, run_id: str, iteration: int | None, acts: bool, show_all: bool, as_json: bool
) -> None:
    """A run: its result, its iterations and their acts. JSON always has all of them."""
    from botticelli.cli import run_details

    found = _resolve(invocation, run_id)
    details = run_details.Details(invocation.runtime.store, found, iteration)
    if as_json:
        details.print_json()
    else:
        details.print_text(acts=acts or iteration is not None, show_all=show_all)


@runs.command("watch", short_help="Show how a run goes, until it ends.")
@run_argument
@json_option
@pass_invocation
def watch_run(invocation: Invocation, run_id: str, as_json: bool) -> int:
    """Show how a run goes until it ends or is paused; the exit code is that of `botticelli run`.

    Starts no worker. Ctrl-C ends the watching, not the run.
    """
    from botticelli.cli.interruptions import Interruptions
    from botticelli.cli.performing import watch
    from botticelli.cli.views import view_for

    with Interruptions() as interruptions:
        return watch(invocation, _resolve(invocation, run_id), view_for(as_json=as_json), interruptions)


@runs.command("pause", short_help="Start no further iteration of a run.")
@run_argument
@json_option
@pass_invocation
def pause_run(invocation: Invocation, run_id: str, as_json: bool) -> None:
    """Start no further iteration; what is being performed ends. Nothing changes for a run that is over."""
    from botticelli.carousel import pause

    _say(pause(invocation.runtime, _resolve(invocation, run_id)), as_json)


@runs.command("cancel", short_help="End a run.")
@run_argument
@json_option
@pass_invocation
def cancel_run(invocation: Invocation, run_id: str, as_json: bool) -> None:
    """Start nothing more; what is being performed stops at its next act. Nothing changes for a run that is over."""
    from botticelli.carousel import cancel

    _say(cancel(invocation.runtime, _resolve(invocation, run_id)), as_json)


@runs.command("resume", short_help="Go on with a run.")
@run_argument
@click.option("--follow", is_flag=True, help="Show how it goes, with a worker where there is none, as `run` does.")
@json_option
@pass_invocation
def resume_run(invocation: Invocation, run_id: str, follow: bool, as_json: bool) -> int:
    """Go on with a run that was paused, or that ended without being complete. What is finished is kept."""
    from botticelli.carousel import resume
    from botticelli.cli.interruptions import Interruptions
    from botticelli.cli.performing import perform_here, say_if_no_worker
    from botticelli.cli.views import PlainView, view_for

    found = _resolve(invocation, run_id)
    if not follow:
        _say(resume(invocation.runtime, found), as_json)
        say_if_no_worker(invocation, PlainView())
        return 0
    with Interruptions() as interruptions:
        resume(invocation.runtime, found)
        return perform_here(invocation, found, view_for(as_json=as_json), interruptions, starts_worker=True)


def _resolve(invocation: Invocation, prefix: str) -> str:
    with invocation.runtime.store.transaction() as tx:
        return tx.runs.resolve(prefix)


def _say(run: Run, as_json: bool) -> None:
    """The run as it is after the lever was moved."""
    if as_json:
        print_json(run)
        return
    ending = f", will be {run.ending}" if run.ending and not run.is_final else ""
    click.echo(f"run {run.id} is {run.status}{ending}")
