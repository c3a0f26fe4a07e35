"""Formats the forecast of all schedules for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botticelli.cli.base.formatting import duration, moment, money, number, safe
from botticelli.cli.base.layout import table, wrapped

if TYPE_CHECKING:
    from botticelli.carousel.scheduling.schedule_forecast import PlannedRun, ScheduleForecast, SchedulesForecast


def plan_lines(forecast: SchedulesForecast, *, runs: bool) -> Iterator[str]:
    head = ("schedule", "times", "runs", "skipped", "buffered", "tokens", "cost", "longest", "waiting")
    rows = [_row(each) for each in forecast.schedules]
    rows += [_total(forecast)] if len(rows) > 1 else []
    right = ("times", "runs", "skipped", "buffered", "tokens", "cost", "longest", "waiting")
    yield from table(head, rows, right=right, drops=("waiting", "buffered", "longest"))
    if runs and forecast.runs:
        yield ""
        yield from table(("time", "schedule", "starts", "ends", "comes to"), [_run(each) for each in forecast.runs])
    for note in forecast.notes:
        yield from wrapped(f"note: {safe(note)}")


def _row(each: ScheduleForecast) -> tuple[str, ...]:
    return (
        each.name,
        number(each.times),
        number(each.runs),
        number(each.skipped),
        number(each.buffered),
        "unknown" if each.tokens is None else number(each.tokens.expected),
        money(None if each.cost_usd is None else each.cost_usd.expected),
        duration(each.longest_seconds),
        duration(each.waiting_seconds),
    )


def _total(forecast: SchedulesForecast) -> tuple[str, ...]:
    counts = [
        sum(getattr(each, name) for each in forecast.schedules) for name in ("times", "runs", "skipped", "buffered")
    ]
    tokens = "unknown" if forecast.tokens is None else number(forecast.tokens.expected)
    cost = money(None if forecast.cost_usd is None else forecast.cost_usd.expected)
    return ("all", *map(number, counts), tokens, cost, "", "")


def _run(run: PlannedRun) -> tuple[str, ...]:
    ends = moment(run.ends_at) if run.ends_at else "-"
    return (moment(run.nominal_at), run.schedule, moment(run.starts_at), ends, run.comes_to)
