"""Finds narrative files in folders and checks them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.context import Invocation
from botticelli.cli.base.error_lines import problems_of
from botticelli.cli.base.formatting import safe
from botticelli.cli.runs.narrative_lookup import narrative_file
from botticelli.cli.runs.run_command import local_files
from botticelli.errors import BotticelliError, NotFound, NotHere

if TYPE_CHECKING:
    from botticelli.cli.runs.run_command import LocalFiles


def files_of(given: Iterable[str]) -> list[str]:
    """Expand folders to the narrative files in them; files and names stay. NotFound for a folder without any."""
    from botticelli.loading.narrative_folders import narratives_in

    files: list[str] = []
    for text in given:
        if not Path(text).is_dir():
            files.append(text)
            continue
        inside = [str(file) for file in narratives_in(Path(text))]
        if not inside:
            raise NotFound("no narrative in this folder", where=text, do="narratives are .toml files with acts")
        files += inside
    return files


def report(invocation: Invocation, text: str, name: str | None = None, *, rehearse: bool = False) -> dict[str, Any]:
    """Check one file, all its narratives or the named one; return `ok`, `problems`, `warnings` and `narratives`."""
    from botticelli.carousel.checks.command_checks import check_commands
    from botticelli.carousel.checks.media_and_tables import check_media
    from botticelli.carousel.checks.parameter_checks import check_parameters
    from botticelli.carousel.checks.run_checks import checked_plan
    from botticelli.narrative import load_all, load_narrative

    given = _with_placeholders(invocation)
    try:
        file, name = narrative_file(invocation, text, name)
        narratives = [load_narrative(file, name=name, **given)] if name else load_all(file, **given)
        warnings = [str(warning) for loaded in narratives for warning in loaded.warnings]
        for loaded in narratives:
            warnings += check_commands(
                invocation.runtime,
                loaded.narrative,
                str(file),
                rehearse=rehearse,
                needs_token=False,
                is_sample=loaded.is_founding,
            )
            try:
                plan = checked_plan(invocation.runtime, loaded.narrative, str(file), with_prices=False)
            except NotHere as error:
                warnings.append(str(error))
            else:
                check_media(invocation.runtime, plan, loaded.narrative, str(file))
                warnings += check_parameters(invocation.runtime, plan, loaded.narrative, str(file))
    except BotticelliError as error:
        return {"file": text, "ok": False, "problems": problems_of(error), "warnings": [], "narratives": []}
    names = [loaded.narrative.name for loaded in narratives]
    unique = list(dict.fromkeys(warnings))
    return {"file": str(file), "ok": True, "problems": [], "warnings": unique, "narratives": names}


def print_report(report: dict[str, Any]) -> None:
    for problem in report["problems"]:
        click.echo(f"botticelli: error: {safe(problem['message'])}", err=True)
    for warning in report["warnings"]:
        click.echo(f"botticelli: warning: {safe(warning)}", err=True)
    if report["ok"]:
        several = f" ({', '.join(report['narratives'])})" if len(report["narratives"]) > 1 else ""
        click.echo(f"{safe(str(Path(report['file'])))}: ok{safe(several)}")


def _with_placeholders(invocation: Invocation) -> LocalFiles:
    """Return load arguments as for a run, but with placeholders for unset environment variables."""
    given = local_files(invocation)
    given["environment"] = given["environment"].with_placeholders()
    return given
