"""`botticelli plan`: forecast the cost, the limits and the end of a run. Starts and enqueues nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from botticelli.cli.base.completions import complete_narratives
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import (
    COUNT,
    enqueue_options,
    json_option,
    model_and_tier_options,
    multiplier_option,
    services_run,
    variables_option,
)
from botticelli.cli.base.times import Duration
from botticelli.cli.rows.row_flags import rows_options, take_row_options
from botticelli.cli.runs.narrative_lookup import narrative_file
from botticelli.cli.runs.run_command import load


@click.command(short_help="Forecast the cost, the limits and the end of a run.")
@click.argument("narrative", metavar="FILE_OR_NAME", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Which narrative of the file; the same as FILE#NAME.")
@click.option(
    "--iterations",
    "-n",
    type=COUNT,
    metavar="N",
    help="Number of iterations, instead of the carousel's.",
)
@variables_option
@rows_options
@multiplier_option("rpm", "requests per minute")
@multiplier_option("tpm", "tokens per minute")
@multiplier_option("rpd", "requests per day")
@model_and_tier_options
@click.option(
    "--call-seconds",
    type=Duration(zero=True),
    help="How long a call takes, such as 2 or 1.5s, instead of past durations.",
)
@click.option("--rehearse", is_flag=True, help="Plan a rehearsal of bot commands, which needs no token.")
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
    """Forecast the cost, the limits and the end of a run.

    Shows calls, tokens and cost (low, expected, worst), the limit that binds first, when and how the run would end, and
    its effects outside, given the current budgets and other runs.

    Calls no model and starts no services: without running services it plans from empty budgets and says so. Exit code 2
    for a narrative that could not be run.
    """
    from botticelli.carousel.forecast.forecast import forecast
    from botticelli.cli.runs.plan_text import lines

    rows = take_row_options(chosen)
    options = replace(enqueue_options(**chosen), rows=rows)
    is_live = services_run(invocation)
    file, name = narrative_file(invocation, narrative, name)
    result = forecast(
        invocation.runtime,
        load(invocation, file, name),
        str(file),
        options,
        services_run=is_live,
        workers=live_worker_count(invocation) if is_live else 0,
        call_seconds=call_seconds,
    )
    if not as_json:
        for warning in result.warnings:
            click.echo(f"botticelli: warning: {safe(warning)}", err=True)
    emit(result, lambda: lines(result), as_json=as_json)


def live_worker_count(invocation: Invocation) -> int:
    """Count live workers; 0 when Redis doesn't answer."""
    from redis.exceptions import RedisError

    from botticelli.runtime.heartbeats import live_workers

    try:
        return len(live_workers(invocation.runtime))
    except (RedisError, OSError):
        return 0
