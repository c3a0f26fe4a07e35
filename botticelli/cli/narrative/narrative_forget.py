"""`botticelli narrative forget`: removes what is kept by the name of a narrative that is gone. Touches no file."""

from __future__ import annotations

import click

from botticelli.cli.base.completions import complete_names
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import number, safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import json_option
from botticelli.cli.data.db_command import confirm
from botticelli.errors import InvalidInput


@click.command(short_help="Remove what is kept by the name of a narrative.")
@click.argument("name", shell_complete=complete_names)
@click.option("--runs", "with_runs", is_flag=True, help="Its runs, too, with all prompts, outputs and effects.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def forget(invocation: Invocation, *, name: str, with_runs: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove what the narrative NAME has in state, and with --runs its runs. Says how much there is, and asks.

    The ledger stays: it proves what was spent. Refused while runs of it go on.
    """
    from botticelli.store.user_data.state import prefix_of_narrative

    if not name:
        raise click.UsageError("a narrative has a name", click.get_current_context())
    prefix = prefix_of_narrative(name)
    with invocation.runtime.store.transaction() as tx:
        keys = tx.state.count_with_prefix(prefix)
        going_on, over = tx.runs.count_of_narrative(name)
    if going_on:
        what = f"{number(going_on)} run{'' if going_on == 1 else 's'} of {name} go{'es' if going_on == 1 else ''} on"
        raise InvalidInput(what, do=f"cancel them: botticelli runs list --narrative {name}")
    runs = over if with_runs else 0
    said = f"{number(keys)} state key{'' if keys == 1 else 's'} and {number(runs)} run{'' if runs == 1 else 's'}"
    if (keys or runs) and not dry_run:
        confirm(f"{said} of {safe(name)} will be gone; go on?", yes)
        with invocation.runtime.store.transaction() as tx:
            keys = tx.state.clear_with_prefix(prefix)
            runs = tx.runs.forget_narrative(name) if with_runs else 0
    if as_json:
        print_json({"narrative": name, "state": keys, "runs": runs, "dry_run": dry_run})
    else:
        click.echo(f"{safe(name)}: {said} {'would be' if dry_run else 'are'} gone")
