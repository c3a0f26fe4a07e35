"""`botticelli narrative`: check narrative files without enqueuing them. Needs no services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from botticelli.cli.arguments import complete_narratives, json_option
from botticelli.cli.failures import problems_of
from botticelli.cli.invocation import Invocation, pass_invocation
from botticelli.cli.output import print_json
from botticelli.cli.run import load, local_files, narrative_file
from botticelli.cli.terminal import safe
from botticelli.errors import BotticelliError, InvalidInput


@click.group(short_help="Check narrative files.")
def narrative() -> None:
    """Check narrative files."""


@narrative.command(short_help="Say everything that is wrong with narrative files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE_OR_NAME...", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Only this one of a file's narratives; FILE#NAME says the same.")
@click.option("--rehearse", is_flag=True, help="As for a run that only rehearses bot commands: without a token.")
@json_option
@pass_invocation
def check(invocation: Invocation, files: tuple[str, ...], *, name: str | None, rehearse: bool, as_json: bool) -> int:
    """Say everything that can be known to be wrong with narrative files before they are run: exit code 2 then.

    All narratives of a file are checked, unless one is named.
    """
    reports = [_report(invocation, text, name, rehearse) for text in files]
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            _print(report)
    return 0 if all(report["ok"] for report in reports) else InvalidInput.exit_code


def _report(invocation: Invocation, text: str, name: str | None, rehearse: bool) -> dict[str, Any]:
    from botticelli.carousel.checks import checked_plan
    from botticelli.carousel.commands import check_commands
    from botticelli.carousel.data_checks import check_media
    from botticelli.narrative import load_all

    try:
        file, name = narrative_file(invocation, text, name)
        found = [load(invocation, file, name)] if name else load_all(file, **local_files(invocation))
        warnings = [str(warning) for loaded in found for warning in loaded.warnings]
        for loaded in found:
            warnings += check_commands(invocation.runtime, loaded.narrative, str(file), rehearse=rehearse)
            plan = checked_plan(invocation.runtime, loaded.narrative, str(file))
            check_media(invocation.runtime, plan, loaded.narrative, str(file))
    except BotticelliError as error:
        return {"file": text, "ok": False, "problems": problems_of(error), "warnings": [], "narratives": []}
    names = [loaded.narrative.name for loaded in found]
    unique = list(dict.fromkeys(warnings))
    return {"file": str(file), "ok": True, "problems": [], "warnings": unique, "narratives": names}


def _print(report: dict[str, Any]) -> None:
    for problem in report["problems"]:
        click.echo(f"botticelli: error: {safe(problem['message'])}", err=True)
    for warning in report["warnings"]:
        click.echo(f"botticelli: warning: {safe(warning)}", err=True)
    if report["ok"]:
        several = f" ({', '.join(report['narratives'])})" if len(report["narratives"]) > 1 else ""
        click.echo(f"{Path(report['file'])}: ok{several}")
