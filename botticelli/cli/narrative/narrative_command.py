"""`botticelli narrative`: list, check, show, begin and rewrite narrative files. Only `forget` and `plan` ask services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from botticelli.cli.base.completions import complete_narratives
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import number
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.narrative.narrative_files import default_folders, files_of, listed, print_report, report
from botticelli.cli.narrative.narrative_forget import forget
from botticelli.cli.narrative.narrative_write import convert, new, schema
from botticelli.cli.runs.narrative_lookup import narrative_file
from botticelli.cli.runs.plan_command import plan
from botticelli.cli.runs.run_command import load
from botticelli.errors import InvalidInput

HEAD = ("name", "acts", "iterations", "file", "description")


@click.group(cls=NounGroup, short_help="List, check, show, begin and rewrite narrative files.")
def narrative() -> None:
    """List, check, show, begin and rewrite narrative files. Without a command: `list`."""


@narrative.command("list", short_help="Which narratives there are.")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@pass_invocation
def list_(invocation: Invocation, folder: Path | None, as_json: bool) -> None:
    """The narratives below FOLDER; without one, those of the folders of the settings and those that are shipped."""
    folders = [folder] if folder else default_folders(invocation)
    found = [one for each in folders for one in listed(invocation, each)]
    if as_json:
        print_json(found)
        return
    rows = [_row(entry) for entry in found]
    click.echo(
        "\n".join(table(HEAD, rows, right=HEAD[1:3], wraps=("name", "file", "description")))
        if found
        else "there are no narratives",
        err=not found,
    )


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    file, about = entry["file"], entry["description"] or ""
    if entry["name"] is None:
        count = entry["problems"]
        problems = f"{count} problem{'' if count == 1 else 's'}; see botticelli narrative check"
        return (Path(file).stem, "-", "-", file, problems)
    if entry["needs"]:
        about = f"needs {', '.join(entry['needs'])}" + (f"; {about}" if about else "")
    return (entry["name"], number(entry["acts"]), number(entry["iterations"]), file, about)


@narrative.command(short_help="Say everything that is wrong with narrative files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE_OR_NAME...", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Only this one of a file's narratives; FILE#NAME says the same.")
@click.option("--rehearse", is_flag=True, help="As for a run that only rehearses bot commands: without a token.")
@json_option
@pass_invocation
def check(invocation: Invocation, files: tuple[str, ...], *, name: str | None, rehearse: bool, as_json: bool) -> int:
    """Say everything that can be known to be wrong with narrative files before they are run: exit code 2 then.

    All narratives of a file are checked, unless one is named; of a folder, all files in it.
    """
    reports = [report(invocation, text, name, rehearse=rehearse) for text in files_of(files)]
    if as_json:
        print_json(reports)
    else:
        for one in reports:
            print_report(one)
    return 0 if all(one["ok"] for one in reports) else InvalidInput.exit_code


@narrative.command(short_help="A narrative as it will be performed.")
@click.argument("narrative", metavar="FILE_OR_NAME", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Which of the file's narratives; FILE#NAME says the same.")
@json_option
@pass_invocation
def show(invocation: Invocation, narrative: str, name: str | None, as_json: bool) -> None:
    """The acts in their order, each with its inputs, its model and estimate, and what it needs, reads and writes."""
    from botticelli.carousel.checks.command_checks import check_commands
    from botticelli.carousel.plan.planned_calls import plan_iteration
    from botticelli.cli.narrative.narrative_show import lines, resolved

    file, name = narrative_file(invocation, narrative, name)
    loaded = load(invocation, file, name)
    check_commands(invocation.runtime, loaded.narrative, str(file), rehearse=True)
    plan = plan_iteration(invocation.runtime, loaded.narrative, {})
    found = resolved(invocation.runtime, loaded.narrative, plan)
    if as_json:
        print_json({"file": str(file), **found})
    else:
        click.echo("\n".join(lines(found)))


for command in (plan, new, convert, schema, forget):
    narrative.add_command(command)
