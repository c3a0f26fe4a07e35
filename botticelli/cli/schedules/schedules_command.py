"""`botticelli schedules`: list, show and explain schedules, and the group of its other commands."""

from __future__ import annotations

from datetime import datetime

import click

from botticelli.cli.base.completions import complete_schedules
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.base.times import PAST
from botticelli.cli.schedules.schedule_actions import ACTION_COMMANDS
from botticelli.cli.schedules.schedule_changes import CHANGE_COMMANDS
from botticelli.cli.schedules.schedule_plan import plan_schedules

MAX_COUNT = 1000


@click.group(cls=NounGroup, short_help="Run narratives at set times, and explain what fired.")
def schedules() -> None:
    """Run narratives at set times, and explain what fired.

    Workers fire schedules: no cron and no beat is needed. Without a command: `list`.
    """


@schedules.command("list", short_help="List the schedules.")
@json_option
@pass_invocation
def list_all(invocation: Invocation, *, as_json: bool) -> None:
    """List the schedules by name, with the next time of each."""
    from botticelli.carousel.scheduling.outlook import list_schedules
    from botticelli.cli.schedules.schedule_texts import schedule_json, schedule_table

    rows = list_schedules(invocation.runtime)
    emit(
        [schedule_json(row) for row in rows],
        lambda: schedule_table(rows),
        as_json=as_json,
        empty="there are no schedules; make one with `botticelli schedules apply FILE`",
    )


@schedules.command("show", short_help="Show one schedule with what it fired.")
@click.argument("name", shell_complete=complete_schedules)
@click.option(
    "--limit", type=click.IntRange(min=1, max=MAX_COUNT), default=10, show_default=True, help="Firings to show."
)
@json_option
@pass_invocation
def show_schedule(invocation: Invocation, *, name: str, limit: int, as_json: bool) -> None:
    """Show a schedule: its times and policies, its unfinished runs, and what its last times came to."""
    from botticelli.carousel.scheduling.outlook import view_schedule
    from botticelli.cli.schedules.schedule_texts import view_json, view_lines

    view = view_schedule(invocation.runtime, name, firings=limit)
    emit(view_json(view), lambda: view_lines(view), as_json=as_json)


@schedules.command("next", short_help="List the times ahead.")
@click.argument("name", shell_complete=complete_schedules)
@click.option(
    "--count", type=click.IntRange(min=1, max=MAX_COUNT), default=10, show_default=True, help="Number of times."
)
@json_option
@pass_invocation
def next_times(invocation: Invocation, *, name: str, count: int, as_json: bool) -> None:
    """List the next times of a schedule in its own zone and in this machine's, excluded ones too."""
    from botticelli.carousel.scheduling.outlook import upcoming
    from botticelli.cli.schedules.schedule_texts import upcoming_lines

    times = upcoming(invocation.runtime, name, count)
    emit(times, lambda: upcoming_lines(times), as_json=as_json, empty=f"{name} has no time ahead")


@schedules.command("why", short_help="Explain what fired, and what didn't.")
@click.argument("name", shell_complete=complete_schedules)
@click.option("--at", type=PAST, help="Explain this time: a date such as 2026-01-31T09:00, or `3h` ago.")
@click.option(
    "--limit", type=click.IntRange(min=1, max=MAX_COUNT), default=10, show_default=True, help="Times to explain."
)
@json_option
@pass_invocation
def why_schedule(invocation: Invocation, *, name: str, at: datetime | None, limit: int, as_json: bool) -> None:
    """Explain what the last times of a schedule came to: started, buffered, skipped, missed, excluded or paused."""
    from botticelli.carousel.scheduling.outlook import reasons
    from botticelli.cli.schedules.schedule_texts import reason_lines

    answer = reasons(invocation.runtime, name, at=at, limit=limit)
    emit(answer, lambda: reason_lines(answer), as_json=as_json)


for command in (*CHANGE_COMMANDS, *ACTION_COMMANDS, plan_schedules):
    schedules.add_command(command)
