"""`botticelli doctor`: checks this installation, one thing after the other. What is looked at is in doctor_checks.py."""

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


@click.command(short_help="Check this installation, one thing after the other.")
@click.option("--live", is_flag=True, help="Only whether a worker of this host is alive and able to work.")
@click.option(
    "--call",
    is_flag=False,
    flag_value="",
    metavar="[MODEL]",
    help="Make one tiny call as well, of the default model or of this one; it is paid for.",
)
@json_option
@pass_invocation
def doctor(invocation: Invocation, live: bool, call: str | None, as_json: bool) -> int:
    """Check this installation, one thing after the other: ok, note, warn or fail, and what to do. Exit code 1 if one fails.

    Starts the embedded services for as long as it looks at them. `--live` is for the liveness probe of a container: it
    asks Redis only, and while Redis is away it is content, since a restart would not help. `--call` asks a model for a
    word: the key, the network and the model's name are right if it answers. MODEL is `provider/model`, or a provider.
    """
    if live and call is not None:
        raise click.UsageError("--live asks Redis only: give it or --call")
    found = []
    for finding in _findings(invocation, live, call):
        found.append(finding)
        if not as_json:
            line = f"{finding.state:<5} {finding.name:<14} {safe(finding.found)}"
            click.echo("\n".join(wrapped(f"{line}; {safe(finding.do)}" if finding.do else line)))
    healthy = all(finding.state != "fail" for finding in found)
    if as_json:
        print_json({"ok": healthy, "checks": found})
    return 0 if healthy else 1


def _findings(invocation: Invocation, live: bool, call: str | None) -> Iterator[Finding]:
    from botticelli.cli.system.doctor_checks import alive, examine, guarded

    yield from alive(invocation) if live else examine(invocation)
    if call is not None:
        from botticelli.cli.system.doctor_call import NAME, trial

        yield from guarded(NAME, trial(invocation.runtime, call))
