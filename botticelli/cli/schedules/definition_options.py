"""Defines the options by which a schedule is described on the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from botticelli.cli.base.shared_options import COUNT, service_tier_option, tiers_option
from botticelli.cli.base.times import Duration
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.schedule_policies import CATCH_UP_SECONDS, CATCH_UPS, OVERLAPS

Command = TypeVar("Command", bound=Callable[..., Any])
REQUEST = (
    *("variables", "iterations", "tags", "tiers", "tenant", "service_tier", "rehearse"),
    *("only_new", "skip_bad", "limit"),
)
_WHEN = "A date and time, local in --timezone."
_OPTIONS = (
    click.option(
        "--cron", "crons", multiple=True, metavar="EXPRESSION", help='Times, such as "0 9 * * 1"; repeatable.'
    ),
    click.option(
        "--every", "every_seconds", type=Duration(), metavar="DURATION", help="Times this far apart, such as 1h30m."
    ),
    click.option("--anchor", metavar="WHEN", help=f"Count --every from this time. {_WHEN}"),
    click.option(
        "--timezone", default="UTC", show_default=True, metavar="ZONE", help="Time zone, such as Europe/Rome."
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="DAYS",
        help="Days, days A..B or a cron expression that don't fire; repeatable.",
    ),
    click.option("--starts-at", metavar="WHEN", help=f"Fire from then on. {_WHEN}"),
    click.option("--ends-at", metavar="WHEN", help=f"Fire until then. {_WHEN}"),
    click.option(
        "--jitter",
        "jitter_seconds",
        type=Duration(zero=True),
        default=0.0,
        metavar="DURATION",
        help="Delay times by up to this.",
    ),
    click.option(
        "--overlap", type=click.Choice(OVERLAPS), default="skip", show_default=True, help="While a run is unfinished."
    ),
    click.option(
        "--catch-up",
        type=click.Choice(CATCH_UPS),
        default="last",
        show_default=True,
        help="Times that passed without workers.",
    ),
    click.option(
        "--catch-up-within",
        "catch_up_seconds",
        type=Duration(zero=True),
        default=CATCH_UP_SECONDS,
        metavar="DURATION",
        help="Older times are missed; by default 1h.",
    ),
    click.option("--max-runs", type=COUNT, metavar="N", help="End after so many runs."),
    click.option(
        "--pause-after-failures",
        type=COUNT,
        metavar="N",
        help="Pause after so many failed runs in a row.",
    ),
    click.option("--live", is_flag=True, help="Read the narrative again at each time."),
    click.option("--iterations", type=COUNT, metavar="N", help="Number of iterations of each run."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag of the runs; repeatable."),
    click.option("--tenant", metavar="NAME", help="Also spend from this tenant's budget in the settings."),
    click.option("--only-new", is_flag=True, help="Leave out rows that succeeded in an earlier run, by their keys."),
    click.option("--skip-bad", is_flag=True, help="Leave out rows that can't be used, instead of refusing all."),
    click.option("--limit", type=COUNT, metavar="N", help="Take the first N rows at a time."),
    click.option("--rehearse", is_flag=True, help="Answer bot commands offline, without performing them."),
    tiers_option,
    service_tier_option,
)


def definition_options(command: Command) -> Command:
    """Add the options of a definition, which `definition_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def definition_of(name: str | None, **chosen: Any) -> ScheduleDefinition:
    """Build a definition from the options. UsageError for a time that can't be read."""
    request = {key: chosen.pop(key) for key in REQUEST}
    for key in ("anchor", "starts_at", "ends_at"):
        chosen[key] = _moment(key, chosen[key], chosen["timezone"])
    given = {key: [*value] if isinstance(value, tuple) else value for key, value in request.items() if value}
    return ScheduleDefinition(name=name, **chosen, request=given)


def _moment(key: str, text: str | None, zone: str) -> datetime | None:
    """Parse a time; one without a zone is local time of the schedule. A wrong zone is reported later, by its own option."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        option = f"--{key.replace('_', '-')}"
        raise click.BadParameter(f"{text!r} is not a date (2026-01-31T12:00)", param_hint=option) from None
    try:
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        return moment.replace(tzinfo=ZoneInfo("UTC"))
