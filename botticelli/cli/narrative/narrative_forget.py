"""`botticelli narrative forget`: deletes the state and the runs of a narrative from the database, not its file."""

from __future__ import annotations

import click

from botticelli.cli.base.completions import complete_names
from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import number, safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option
from botticelli.errors import InvalidInput


@click.command(short_help="Delete the state and runs of a narrative.")
@click.argument("name", shell_complete=complete_names)
@click.option("--runs", "with_runs", is_flag=True, help="Also delete its runs, with all prompts, outputs and effects.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def forget(invocation: Invocation, *, name: str, with_runs: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete the state of the narrative NAME, and with --runs its runs; asks first, with the numbers.

    The ledger stays, as a record of what was spent. Refused while a run of the narrative is not over.
    """
    from botticelli.store.user_data.state import prefix_of_narrative

    if not name:
        raise click.UsageError("NAME must not be empty", click.get_current_context())
    prefix = prefix_of_narrative(name)
    with invocation.runtime.store.transaction() as tx:
        keys = tx.state.count_with_prefix(prefix)
        going_on, over = tx.runs.count_of_narrative(name)
    if going_on:
        problem = f"1 run of {name} is not over" if going_on == 1 else f"{number(going_on)} runs of {name} are not over"
        raise InvalidInput(problem, do=f"cancel them: botticelli runs list --narrative {name}")
    runs = over if with_runs else 0
    counts = f"{number(keys)} state key{'' if keys == 1 else 's'} and {number(runs)} run{'' if runs == 1 else 's'}"
    if (keys or runs) and not dry_run:
        confirm(f"delete {counts} of {safe(name)}?", yes)
        with invocation.runtime.store.transaction() as tx:
            keys = tx.state.clear_with_prefix(prefix)
            runs = tx.runs.forget_narrative(name) if with_runs else 0
    outcome = f"{safe(name)}: {'would delete' if dry_run else 'deleted'} {counts}"
    emit({"narrative": name, "state": keys, "runs": runs, "dry_run": dry_run}, outcome, as_json=as_json)
