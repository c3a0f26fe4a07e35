"""`botticelli schedules` pause, resume, trigger, backfill and delete."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.completions import complete_schedules
from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, number, safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option
from botticelli.cli.base.times import PAST
from botticelli.cli.follow.session import warn_if_no_worker
from botticelli.schedules.schedule_policies import OVERLAPS

if TYPE_CHECKING:
    from botticelli.carousel.scheduling.schedule_control import Backfill, BackfillOverlap
    from botticelli.schedules.schedule_policies import Overlap
    from botticelli.store import FiringView

SHOWN_TIMES = 5


@click.command("pause", short_help="Pause a schedule.")
@click.argument("name", shell_complete=complete_schedules)
@click.option("--note", default="", metavar="TEXT", help="Why, recorded with each time that passes.")
@json_option
@pass_invocation
def pause_one(invocation: Invocation, *, name: str, note: str, as_json: bool) -> None:
    """Pause a schedule: no run starts until it is resumed. Runs that have started go on."""
    from botticelli.carousel import Actor
    from botticelli.carousel.scheduling.schedule_control import pause_schedule
    from botticelli.cli.schedules.schedule_texts import schedule_json

    schedule = pause_schedule(invocation.runtime, name, Actor(note))
    emit(schedule_json(schedule), safe(f"{name} is {schedule.pause}"), as_json=as_json)


@click.command("resume", short_help="Resume a schedule.")
@click.argument("name", shell_complete=complete_schedules)
@json_option
@pass_invocation
def resume_one(invocation: Invocation, *, name: str, as_json: bool) -> None:
    """Resume a schedule from now on. Times that passed meanwhile don't fire; `backfill` runs them."""
    from botticelli.carousel.scheduling.schedule_control import resume_schedule
    from botticelli.cli.schedules.schedule_texts import schedule_json

    schedule = resume_schedule(invocation.runtime, name)
    emit(schedule_json(schedule), safe(f"{name} is active: next at {moment(schedule.next_at)}"), as_json=as_json)


@click.command("trigger", short_help="Start a run of a schedule now.")
@click.argument("name", shell_complete=complete_schedules)
@click.option("--overlap", type=click.Choice(OVERLAPS), help="Instead of the schedule's own policy.")
@click.option("--reason", default="", metavar="TEXT", help="Reason, recorded with user and time.")
@json_option
@pass_invocation
def trigger_one(invocation: Invocation, *, name: str, overlap: Overlap | None, reason: str, as_json: bool) -> int:
    """Start a run of a schedule now, also of a paused one. It does not count for --max-runs.

    Prints the id of the run. Exit code 1 when the overlap policy skips it.
    """
    from botticelli.carousel import Actor
    from botticelli.carousel.scheduling.schedule_control import trigger
    from botticelli.cli.follow.plain_views import PlainView

    firing = trigger(invocation.runtime, name, Actor(reason), overlap)
    emit(firing, _triggered(name, firing), as_json=as_json)
    if firing.action == "skipped_overlap":
        return 1
    warn_if_no_worker(invocation, PlainView())
    return 0


@click.command("backfill", short_help="Run past times of a schedule.")
@click.argument("name", shell_complete=complete_schedules)
@click.option("--from", "start", type=PAST, required=True, help="The first time: a date, or `7d` ago.")
@click.option("--to", "end", type=PAST, required=True, help="The last time: a date, or `1h` ago.")
@click.option(
    "--overlap",
    type=click.Choice(["buffer_all", "allow"]),
    default="buffer_all",
    show_default=True,
    help="One run after the other, or all at once.",
)
@click.option("--reason", default="", metavar="TEXT", help="Reason, recorded with user and time.")
@json_option
@pass_invocation
def backfill_one(
    invocation: Invocation,
    *,
    name: str,
    start: datetime,
    end: datetime,
    overlap: BackfillOverlap,
    reason: str,
    as_json: bool,
) -> None:
    """Run the past times of a schedule that have no run: missed, skipped or paused ones, and those before it was made."""
    from botticelli.carousel import Actor
    from botticelli.carousel.scheduling.schedule_control import backfill
    from botticelli.cli.follow.plain_views import PlainView

    done = backfill(invocation.runtime, name, start, end, actor=Actor(reason), overlap=overlap)
    emit(done, _backfilled(done, overlap), as_json=as_json)
    if done.times:
        warn_if_no_worker(invocation, PlainView())


@click.command("delete", short_help="Delete a schedule.")
@click.argument("name", shell_complete=complete_schedules)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_invocation
def delete_one(invocation: Invocation, *, name: str, yes: bool, as_json: bool) -> None:
    """Delete a schedule with what is recorded of its times. Its runs stay."""
    from botticelli.carousel.scheduling.outlook import view_schedule
    from botticelli.carousel.scheduling.schedule_control import delete_schedule

    view_schedule(invocation.runtime, name, firings=1)
    confirm(f"Delete schedule {safe(name)}?", yes)
    delete_schedule(invocation.runtime, name)
    emit({"deleted": name}, safe(f"deleted {name}"), as_json=as_json)


def _triggered(name: str, firing: FiringView) -> str:
    if firing.run_id is not None:
        return safe(firing.run_id)
    if firing.action == "buffered":
        return safe(f"{name}: buffered: {firing.reason}")
    return safe(f"{name}: skipped: {firing.reason}; start it beside the other with --overlap allow")


def _backfilled(done: Backfill, overlap: str) -> str:
    count = len(done.times)
    how = "all at once" if overlap == "allow" else "one after the other"
    times = ", ".join(moment(time) for time in done.times[:SHOWN_TIMES]) + (", …" if count > SHOWN_TIMES else "")
    line = f"{number(count)} time{'' if count == 1 else 's'} to run, {how}: {times}" if count else "no time to run"
    line += f"; {number(done.already)} had a run already" if done.already else ""
    return line + (f"; {number(done.excluded)} excluded" if done.excluded else "")


ACTION_COMMANDS = (pause_one, resume_one, trigger_one, backfill_one, delete_one)
