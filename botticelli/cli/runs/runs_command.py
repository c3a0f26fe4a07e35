"""`botticelli runs`: list, show and watch runs, and the group of its other commands."""

from __future__ import annotations

from typing import Any

import click

from botticelli.cli.base.completions import complete_names
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import COUNT, NounGroup, json_option, run_argument
from botticelli.cli.base.times import PAST
from botticelli.cli.rows.export_command import export
from botticelli.cli.rows.rows_command import list_rows
from botticelli.cli.runs.control_commands import CONTROL_COMMANDS, resolve
from botticelli.cli.runs.run_logs import LOG_COMMANDS
from botticelli.statuses import RUN_STATUSES


@click.group(cls=NounGroup, short_help="List, show, watch and control runs.")
def runs() -> None:
    """List, show, watch and control runs.

    RUN is the beginning of a run's id, or `latest`. Without a command: `list`.
    """


@runs.command("list", short_help="List the newest runs.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(RUN_STATUSES),
    help="Only runs with this status; repeatable.",
)
@click.option("--narrative", metavar="NAME", shell_complete=complete_names, help="Only runs of this narrative.")
@click.option("--since", type=PAST, help="Only runs enqueued since `2h` or `7d` ago, or since a date.")
@click.option("--until", type=PAST, help="Only runs enqueued before then.")
@click.option("--guild", metavar="ID", help="Only runs whose commands name this guild.")
@click.option("--tag", metavar="TAG", help="Only runs that were enqueued with this tag.")
@click.option("--text", metavar="TEXT", help="Only runs with this text in narrative, source or reason.")
@click.option("--limit", type=COUNT, default=20, show_default=True, help="Maximum number of runs.")
@json_option
@pass_invocation
def list_runs(invocation: Invocation, /, *, as_json: bool, **conditions: Any) -> None:
    """List runs, newest first. A run must match all filters."""
    from botticelli.cli.runs.run_details import run_table
    from botticelli.store import RunFilter

    with invocation.runtime.store.transaction() as tx:
        rows = tx.runs.recent(RunFilter(**conditions))
    emit(rows, lambda: run_table(rows), as_json=as_json, empty="there are no such runs")


@runs.command("show", short_help="Show one run.")
@run_argument
@click.option("--iteration", type=COUNT, metavar="N", help="Show one iteration, with prompts and outputs.")
@click.option("--row", "row_key", metavar="KEY", help="Show the iteration of the row with this key.")
@click.option("--acts", is_flag=True, help="Show the acts of each iteration, with prompts and outputs.")
@click.option("--all", "show_all", is_flag=True, help="Show every iteration, not only the first and last 20.")
@json_option
@pass_invocation
def show(
    invocation: Invocation,
    *,
    run_id: str,
    iteration: int | None,
    row_key: str | None,
    acts: bool,
    show_all: bool,
    as_json: bool,
) -> None:
    """Show a run: its result, its iterations and their acts. JSON always contains all of them."""
    from botticelli.cli.runs import run_details
    from botticelli.monitoring.row_lines import iteration_of_key

    full_id = resolve(invocation, run_id)
    if row_key is not None:
        iteration = iteration_of_key(invocation.runtime.store, full_id, row_key)
    details = run_details.Details(invocation.runtime, full_id, iteration)
    if as_json:
        details.print_json()
    else:
        details.print_text(acts=acts or iteration is not None, show_all=show_all)


@runs.command("watch", short_help="Follow a run until it ends.")
@run_argument
@click.option(
    "--since", type=click.IntRange(min=0, max=2**63 - 1), default=0, metavar="ID", help="Only events after this one."
)
@json_option
@pass_invocation
def watch_run(invocation: Invocation, run_id: str, since: int, as_json: bool) -> int:
    """Follow a run until it ends or pauses; the exit code is that of `botticelli run`.

    Starts no worker. Ctrl-C stops watching, not the run.
    """
    from botticelli.cli.base.signals import SignalCounter
    from botticelli.cli.follow.plain_views import view_for
    from botticelli.cli.follow.session import watch

    with SignalCounter() as signals:
        view = view_for(as_json=as_json)
        return watch(invocation, resolve(invocation, run_id), view, signals, since=since)


for command in (list_rows, export, *LOG_COMMANDS, *CONTROL_COMMANDS):
    runs.add_command(command)
