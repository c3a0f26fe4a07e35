"""`botticelli runs`: list, show and watch. What `show` prints is in run_details.py, the rest in control_commands.py."""

from __future__ import annotations

from datetime import datetime

import click

from botticelli.cli.base.completions import complete_names
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import NounGroup, json_option, run_argument
from botticelli.cli.base.times import past
from botticelli.cli.runs.control_commands import LEVERS, resolve
from botticelli.cli.runs.run_logs import LOOKS

STATUSES = ("queued", "running", "waiting", "paused", "completed", "failed", "budget_exhausted", "cancelled")


@click.group(cls=NounGroup, short_help="List, show and watch runs, and move their levers.")
def runs() -> None:
    """List, show and watch runs, and move their levers.

    RUN is the beginning of a run's id, or `latest`. Without a command: `list`.
    """


@runs.command("list", short_help="The newest runs.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only these; repeatable.")
@click.option("--narrative", metavar="NAME", shell_complete=complete_names, help="Only runs of this narrative.")
@click.option("--since", callback=past, metavar="WHEN", help="Enqueued since then: `2h`, `7d` or a date.")
@click.option("--until", callback=past, metavar="WHEN", help="Enqueued before then.")
@click.option("--guild", metavar="ID", help="Only runs whose commands name this guild.")
@click.option("--tag", metavar="TAG", help="Only runs that were enqueued with this tag.")
@click.option("--text", metavar="TEXT", help="Only runs with this text in narrative, source or reason.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@json_option
@pass_invocation
def list_runs(
    invocation: Invocation,
    *,
    statuses: tuple[str, ...],
    narrative: str | None,
    since: datetime | None,
    until: datetime | None,
    guild: str | None,
    tag: str | None,
    text: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """The newest runs, the newest first. Of several filters, all have to fit."""
    filters = {"narrative": narrative, "since": since, "until": until, "guild": guild, "tag": tag, "text": text}
    with invocation.runtime.store.transaction() as tx:
        found = tx.runs.recent(statuses=statuses, limit=limit, **filters)  # type: ignore[arg-type]
    if as_json:
        print_json(found)
        return
    from botticelli.cli.runs.run_details import run_table

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
    from botticelli.cli.runs import run_details

    found = resolve(invocation, run_id)
    details = run_details.Details(invocation.runtime.store, found, iteration)
    if as_json:
        details.print_json()
    else:
        details.print_text(acts=acts or iteration is not None, show_all=show_all)


@runs.command("watch", short_help="Show how a run goes, until it ends.")
@run_argument
@click.option("--since", type=click.IntRange(min=0), default=0, metavar="ID", help="Only what came after this event.")
@json_option
@pass_invocation
def watch_run(invocation: Invocation, run_id: str, since: int, as_json: bool) -> int:
    """Show how a run goes until it ends or is paused; the exit code is that of `botticelli run`.

    Starts no worker. Ctrl-C ends the watching, not the run.
    """
    from botticelli.cli.base.signals import Interruptions
    from botticelli.cli.follow.plain_views import view_for
    from botticelli.cli.follow.session import watch

    with Interruptions() as interruptions:
        view = view_for(as_json=as_json)
        return watch(invocation, resolve(invocation, run_id), view, interruptions, since=since)


for command in (*LOOKS, *LEVERS):
    runs.add_command(command)
