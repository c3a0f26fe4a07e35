"""`botticelli schedules` create and apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.completions import complete_narratives
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option, variables_option
from botticelli.cli.follow.session import warn_if_no_worker
from botticelli.cli.runs.narrative_lookup import narrative_file
from botticelli.cli.runs.run_command import load, local_files
from botticelli.cli.schedules.definition_options import definition_of, definition_options
from botticelli.errors import InvalidInput

if TYPE_CHECKING:
    from botticelli.carousel.scheduling.schedule_definitions import ScheduleChange, Wish


@click.command("create", short_help="Make a schedule from options.")
@click.argument("narrative", metavar="FILE_OR_NAME", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Name of the schedule; by default the narrative's.")
@definition_options
@variables_option
@json_option
@pass_invocation
def create_one(invocation: Invocation, /, *, narrative: str, name: str | None, as_json: bool, **chosen: Any) -> None:
    """Make a schedule for a narrative, given as a file or by its name.

    It performs a snapshot of the narrative as it is now; with --live the narrative is read again at each time.
    """
    from botticelli.carousel.scheduling.schedule_definitions import Wish, create_schedule

    definition = definition_of(name, **chosen)
    file, part = narrative_file(invocation, narrative, None)
    is_named = definition.live and not Path(narrative.partition("#")[0]).is_file()
    source = narrative if is_named else _source(file, part)
    change = create_schedule(invocation.runtime, Wish(definition, load(invocation, file, part), source))
    _print(invocation, [change], dry_run=False, as_json=as_json, alone=True)


@click.command("apply", short_help="Make schedules what narrative files say.")
@click.argument("files", metavar="FILE_OR_NAME...", nargs=-1, required=True, shell_complete=complete_narratives)
@click.option(
    "--prune", is_flag=True, help="Delete schedules that were applied from these files and aren't in them now."
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@json_option
@pass_invocation
def apply_files(invocation: Invocation, *, files: tuple[str, ...], prune: bool, dry_run: bool, as_json: bool) -> None:
    """Make the schedules what the `[narrative.schedule]` of these files and folders say; all of them, or none.

    The same files again change nothing. A schedule has the name of its narrative, unless its table has another.
    """
    from botticelli.carousel.scheduling.schedule_definitions import apply_schedules

    places = [Path(text).absolute() for text in files if Path(text).is_dir()]
    wishes: list[Wish] = []
    for text, is_listed in _expanded(files):
        file, part = narrative_file(invocation, text, None)
        places += [file.absolute()] if is_listed else []
        added = [*_wishes(invocation, file, part)]
        if not added and is_listed and not prune:
            raise InvalidInput("has no [narrative.schedule]", where=text, do="add one, or use `schedules create`")
        wishes += added
    changes = apply_schedules(invocation.runtime, wishes, prune=places if prune else (), dry_run=dry_run)
    _print(invocation, changes, dry_run=dry_run, as_json=as_json)


def _expanded(files: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield the files to read, and whether each was named itself; narratives in a folder need no schedule."""
    from botticelli.loading.narrative_folders import narratives_in

    for text in files:
        if Path(text).is_dir():
            yield from ((str(file), False) for file in narratives_in(Path(text)))
        else:
            yield text, True


def _wishes(invocation: Invocation, file: Path, part: str | None) -> Iterator[Wish]:
    from botticelli.carousel.scheduling.schedule_definitions import Wish
    from botticelli.narrative import load_all

    loaded = [load(invocation, file, part)] if part else load_all(file, **local_files(invocation))
    for each in loaded:
        definition = each.narrative.schedule
        if definition is not None:
            name = each.narrative.name if len(loaded) > 1 or part else None
            yield Wish(definition, each, _source(file, name), str(file.absolute()))


def _source(file: Path, part: str | None) -> str:
    return f"{file.absolute()}#{part}" if part else str(file.absolute())


def _print(
    invocation: Invocation, changes: list[ScheduleChange], *, dry_run: bool, as_json: bool, alone: bool = False
) -> None:
    from botticelli.cli.follow.plain_views import PlainView
    from botticelli.cli.schedules.schedule_texts import change_lines

    notes = [note for change in changes for note in change.notes]
    notes += [f"warning: {warning}" for change in changes for warning in change.warnings]
    for note in dict.fromkeys(notes):
        click.echo(f"botticelli: {safe(note)}", err=True)
    emit(changes[0] if alone else changes, lambda: change_lines(changes, dry_run=dry_run), as_json=as_json)
    if not dry_run and any(change.action != "prune" for change in changes):
        warn_if_no_worker(invocation, PlainView())


CHANGE_COMMANDS = (create_one, apply_files)
