"""`botticelli doctor`: checks this installation, one thing after the other. What is looked at is in examinations.py."""

from __future__ import annotations

import click

from botticelli.cli.arguments import json_option
from botticelli.cli.invocation import Invocation, pass_invocation
from botticelli.cli.output import print_json
from botticelli.cli.terminal import safe


@click.command(short_help="Check this installation, one thing after the other.")
@click.option("--live", is_flag=True, help="Only whether a worker of this host is alive and able to work.")
@json_option
@pass_invocation
def doctor(invocation: Invocation, live: bool, as_json: bool) -> int:
    """Check this installation, one thing after the other: ok, warn or fail, and what to do. Exit code 1 if one fails.

    Starts the embedded services for as long as it looks at them. `--live` is for the liveness probe of a container: it
    asks Redis only, and while Redis is away it is content, since a restart would not help.
    """
    from botticelli.cli.examinations import alive, examine

    found = []
    for finding in alive(invocation) if live else examine(invocation):
        found.append(finding)
        if not as_json:
            line = f"{finding.state:<5} {finding.name:<14} {safe(finding.found)}"
            click.echo(f"{line}; {safe(finding.do)}" if finding.do else line)
    healthy = all(finding.state != "fail" for finding in found)
    if as_json:
        print_json({"ok": healthy, "checks": found})
    return 0 if healthy else 1
