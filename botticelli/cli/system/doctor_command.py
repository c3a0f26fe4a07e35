"""`botticelli doctor`: run the checks of doctor_checks.py, and print them as they finish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.layout import wrapped
from botticelli.cli.base.shared_options import json_option

if TYPE_CHECKING:
    from botticelli.cli.system.doctor_checks import Finding


@click.command(short_help="Check this installation and say what to fix.")
@click.option("--live", is_flag=True, help="Only check that a worker of this host is alive and not stalled.")
@click.option(
    "--call",
    is_flag=False,
    flag_value="",
    metavar="[MODEL]",
    help="Also make one tiny call, to the default model or to MODEL; it costs money.",
)
@json_option
@pass_invocation
def doctor(invocation: Invocation, live: bool, call: str | None, as_json: bool) -> int:
    """Check this installation: each check is ok, note, warn or fail, with what to do. Exit code 1 if one fails.

    Starts the embedded services while it checks them. `--live` is for the liveness probe of a container: it reads only
    Redis, and passes while Redis is down, since a restart would not help. `--call` makes a model answer, which proves
    the key, the network and the model's name. MODEL is `provider/model`, or a provider.
    """
    if live and call is not None:
        raise click.UsageError("--live and --call exclude each other")
    findings = []
    for finding in _findings(invocation, live, call):
        findings.append(finding)
        if not as_json:
            line = f"{finding.state:<5} {finding.name:<14} {safe(finding.detail)}"
            click.echo("\n".join(wrapped(f"{line}; {safe(finding.do)}" if finding.do else line)))
    healthy = all(finding.state != "fail" for finding in findings)
    if as_json:
        print_json({"ok": healthy, "checks": [_object(finding) for finding in findings]})
    return 0 if healthy else 1


def _object(finding: Finding) -> dict[str, str]:
    return {"name": finding.name, "state": finding.state, "detail": finding.detail, "do": finding.do}


def _findings(invocation: Invocation, live: bool, call: str | None) -> Iterator[Finding]:
    from botticelli.cli.system.doctor_checks import alive, guarded, run_checks

    yield from alive(invocation) if live else run_checks(invocation)
    if call is not None:
        from botticelli.cli.system.doctor_call import NAME, trial

        yield from guarded(NAME, trial(invocation.runtime, call))
