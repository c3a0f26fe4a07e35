"""`botticelli narrative`: list, check and show narrative files, and the group of its other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from botticelli.cli.base.completions import complete_narratives
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import number
from botticelli.cli.base.json_output import emit, print_json
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.narrative.narrative_files import files_of, print_report, report
from botticelli.cli.narrative.narrative_forget import forget
from botticelli.cli.narrative.narrative_write import convert, new, schema
from botticelli.cli.runs.narrative_lookup import default_folders, narrative_file
from botticelli.cli.runs.plan_command import plan
from botticelli.cli.runs.run_command import load
from botticelli.errors import InvalidInput

HEAD = ("name", "acts", "iterations", "file", "description")


@click.group(cls=NounGroup, short_help="List, check, show, create and convert narrative files.")
def narrative() -> None:
    """List, check, show, create and convert narrative files. Without a command: `list`."""


@narrative.command("list", short_help="List narratives.")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@pass_invocation
def list_(invocation: Invocation, folder: Path | None, as_json: bool) -> None:
    """List the narratives below FOLDER; without FOLDER, those of the configured folders and the shipped ones."""
    from botticelli.monitoring.narrative_list import listed

    folders = [folder] if folder else default_folders(invocation)
    entries = [entry for place in folders for entry in listed(invocation.settings, place)]
    emit(entries, lambda: _table(entries), as_json=as_json, empty="no narratives found")


def _table(entries: list[dict[str, Any]]) -> list[str]:
    return table(HEAD, map(_row, entries), right=HEAD[1:3], wraps=("name", "file", "description"))


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    file, about = entry["file"], entry["description"] or ""
    if entry["name"] is None:
        count = entry["problems"]
        problems = f"{count} problem{'' if count == 1 else 's'}; see botticelli narrative check"
        return (Path(file).stem, "-", "-", file, problems)
    if entry["needs"]:
        about = f"needs {', '.join(entry['needs'])}" + (f"; {about}" if about else "")
    return (entry["name"], number(entry["acts"]), number(entry["iterations"]), file, about)


@narrative.command(short_help="Report all problems of narrative files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE_OR_NAME...", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Only this narrative of a file; the same as FILE#NAME.")
@click.option("--rehearse", is_flag=True, help="Check for a rehearsal of bot commands, which needs no token.")
@json_option
@pass_invocation
def check(invocation: Invocation, files: tuple[str, ...], *, name: str | None, rehearse: bool, as_json: bool) -> int:
    """Report all problems of narrative files that can be found without running them; exit code 2 if there are any.

    Checks all narratives of a file, unless --name chooses one, and all files of a folder.
    """
    reports = [report(invocation, text, name, rehearse=rehearse) for text in files_of(files)]
    if as_json:
        print_json(reports)
    else:
        for entry in reports:
            print_report(entry)
    return 0 if all(entry["ok"] for entry in reports) else InvalidInput.exit_code


@narrative.command(short_help="Show a narrative act by act.")
@click.argument("narrative", metavar="FILE_OR_NAME", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Which narrative of the file; the same as FILE#NAME.")
@json_option
@pass_invocation
def show(invocation: Invocation, narrative: str, name: str | None, as_json: bool) -> None:
    """Show the acts in order, each with its inputs, model, token estimate, and what it needs, reads and writes."""
    from botticelli.carousel.checks.command_checks import check_commands
    from botticelli.carousel.plan.planned_calls import plan_iteration
    from botticelli.cli.narrative.narrative_show import lines
    from botticelli.monitoring.narrative_acts import resolved

    file, name = narrative_file(invocation, narrative, name)
    loaded = load(invocation, file, name)
    check_commands(invocation.runtime, loaded.narrative, str(file), rehearse=True)
    plan = plan_iteration(invocation.runtime, loaded.narrative, {})
    details = resolved(invocation.runtime, loaded.narrative, plan)
    emit({"file": str(file), **details}, lambda: lines(details), as_json=as_json)


for command in (plan, new, convert, schema, forget):
    narrative.add_command(command)
