"""`botticelli schedules plan`: forecast what all schedules would take, under the budgets that they share."""

from __future__ import annotations

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option, services_run
from botticelli.cli.base.times import Duration

DAY_SECONDS = 86_400


@click.command("plan", short_help="Forecast tokens, money and overlaps of all schedules.")
@click.option(
    "--days", type=click.FloatRange(min=0, max=31, min_open=True), default=1.0, show_default=True, help="How far ahead."
)
@click.option("--call-seconds", type=Duration(zero=True), help="How long a call takes, instead of past durations.")
@click.option("--runs", is_flag=True, help="Show each run, not only the sums.")
@json_option
@pass_invocation
def plan_schedules(
    invocation: Invocation, *, days: float, call_seconds: float | None, runs: bool, as_json: bool
) -> None:
    """Forecast the runs of all active schedules: when each would end, and what it would take, under shared limits.

    Simulates the coming days with the budgets as they are: what overlaps, what waits for a limit, what is skipped. Starts
    nothing and calls no model.
    """
    from botticelli.carousel.scheduling.schedule_forecast import forecast_schedules
    from botticelli.cli.runs.plan_command import live_worker_count
    from botticelli.cli.schedules.plan_lines import plan_lines

    workers = live_worker_count(invocation) if services_run(invocation) else 0
    forecast = forecast_schedules(
        invocation.runtime, seconds=days * DAY_SECONDS, workers=workers, call_seconds=call_seconds
    )
    emit(forecast, lambda: plan_lines(forecast, runs=runs), as_json=as_json)
