"""`botticelli plan`: what a run would take, before it is paid for. Starts nothing, enqueues nothing."""

from __future__ import annotations

from typing import Any

import click

from botticelli.cli.base.completions import complete_narratives
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import (
    enqueue_options,
    json_option,
    multiplier_option,
    services_run,
    terms_options,
    variables_option,
)
from botticelli.cli.runs.narrative_lookup import narrative_file
from botticelli.cli.runs.run_command import load


@click.command(short_help="Say what a run would take before it is paid for.")
@click.argument("narrative", metavar="FILE_OR_NAME", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Which of the file's narratives; FILE#NAME says the same.")
@click.option("--iterations", "-n", type=click.IntRange(min=1), metavar="N", help="Instead of what the carousel says.")
@variables_option
@multiplier_option("rpm", "requests per minute")
@multiplier_option("tpm", "tokens per minute")
@multiplier_option("rpd", "requests per day")
@terms_options
@click.option(
    "--call-seconds", type=click.FloatRange(min=0), metavar="S", help="How long a call lasts, instead of its past."
)
@click.option("--rehearse", is_flag=True, help="As for a run that only rehearses bot commands: without a token.")
@json_option
@pass_invocation
def plan(
    invocation: Invocation,
    /,
    *,
    narrative: str,
    name: str | None,
    call_seconds: float | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Forecast a run: its cost, its limits and its end.

    Calls, tokens and money (low, expected, worst), the limit that binds first, when a run would end and how, and what
    it would change outside: given what the budgets hold now and who else goes on.

    Calls no model and starts no services: where none run, it plans from empty budgets and says so. Exit code 2 for what
    could not be run as it is.
    """
    from botticelli.carousel.forecast.forecast import forecast
    from botticelli.cli.runs.plan_text import lines

    options = enqueue_options(**chosen)
    is_live = services_run(invocation)
    file, name = narrative_file(invocation, narrative, name)
    found = forecast(
        invocation.runtime,
        load(invocation, file, name),
        str(file),
        options,
        services_run=is_live,
        workers=_workers(invocation) if is_live else 0,
        call_seconds=call_seconds,
    )
    if as_json:
        print_json(found)
        return
    for warning in found.warnings:
        click.echo(f"botticelli: warning: {safe(warning)}", err=True)
    click.echo("\n".join(lines(found)))


def _workers(invocation: Invocation) -> int:
    """How many are alive; 0 when Redis doesn't say."""
    from redis.exceptions import RedisError

    from botticelli.runtime.heartbeats import live_workers

    try:
        return len(live_workers(invocation.runtime))
    except (RedisError, OSError):
        return 0
