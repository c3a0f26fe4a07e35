"""Formats schedules, firings, changes and times ahead for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botticelli.cli.base.formatting import duration, moment, number, safe, short
from botticelli.cli.base.json_output import plain
from botticelli.cli.base.layout import table, wrapped

if TYPE_CHECKING:
    from botticelli.carousel.scheduling.outlook import ScheduleReasons, ScheduleView, UpcomingTime
    from botticelli.carousel.scheduling.schedule_definitions import ScheduleChange
    from botticelli.store import FiringView, Schedule

VERBS = {"create": "created", "change": "changed", "keep": "unchanged", "prune": "deleted"}
WISHES = {"create": "would create", "change": "would change", "keep": "unchanged", "prune": "would delete"}


def when(schedule: Schedule) -> str:
    """Describe the times of a schedule: its cron expressions and zone, or its interval."""
    if schedule.every_seconds is not None:
        return f"every {duration(schedule.every_seconds)}"
    return f"{', '.join(schedule.crons)} ({schedule.timezone})"


def schedule_table(schedules: Sequence[Schedule]) -> list[str]:
    from botticelli.carousel.scheduling.outlook import status_of

    rows = [
        (each.name, status_of(each), when(each), moment(each.next_at), each.overlap, each.narrative)
        for each in schedules
    ]
    head = ("schedule", "status", "times", "next", "overlap", "narrative")
    return table(head, rows, drops=("narrative", "overlap"), wraps=("times",))


def schedule_json(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule for --json, with its status."""
    from botticelli.carousel.scheduling.outlook import status_of

    return {"status": status_of(schedule), **plain(schedule)}


def view_json(view: ScheduleView) -> dict[str, Any]:
    others = {"running": view.running, "buffered": view.buffered, "firings": view.firings}
    return {**schedule_json(view.schedule), **plain(others)}


def view_lines(view: ScheduleView) -> Iterator[str]:
    schedule = view.schedule
    runs = "the file as it is then" if schedule.live else "the snapshot that was applied"
    yield f"schedule   {safe(schedule.name)}: {view.status}"
    if schedule.pause is not None:
        yield from wrapped(f"paused     {safe(schedule.pause)}, since {moment(schedule.paused_at)}")
    yield from wrapped(f"narrative  {safe(schedule.narrative)} ({safe(schedule.source)}), {runs}")
    yield from wrapped(f"times      {safe(when(schedule))}{_bounds(schedule)}")
    if schedule.exclude:
        yield from wrapped(f"excluded   {safe(', '.join(schedule.exclude))}")
    yield f"next       {moment(schedule.next_at)}"
    within = duration(schedule.catch_up_seconds)
    yield f"policies   overlap {schedule.overlap}, catch-up {schedule.catch_up} within {within}{_limits(schedule)}"
    if schedule.request:
        yield from wrapped(f"runs with  {safe(_request(schedule.request))}")
    if view.running:
        yield f"running    {', '.join(map(short, view.running))}"
    if view.buffered:
        yield f"buffered   {', '.join(map(moment, view.buffered))}"
    if view.firings:
        yield ""
        yield from firing_table(view.firings)


def firing_table(firings: Sequence[FiringView]) -> list[str]:
    rows = [(moment(each.nominal_at), each.action, _run(each), each.reason or _why_run(each) or "") for each in firings]
    return table(("time", "came to", "run", "reason"), rows, wraps=("reason",))


def reason_lines(answer: ScheduleReasons) -> Iterator[str]:
    yield from wrapped(f"{safe(answer.name)} is {safe(answer.line)}" if answer.firings else safe(answer.line))
    if answer.firings:
        yield from firing_table(answer.firings)


def upcoming_lines(times: Sequence[UpcomingTime]) -> list[str]:
    rows = [
        (each.local, moment(each.nominal_at), _due(each), f"excluded by {each.excluded_by}" if each.excluded_by else "")
        for each in times
    ]
    head = ("in its zone", "here", "due", "")
    return table(head, rows, drops=("due",))


def change_lines(changes: Sequence[ScheduleChange], *, dry_run: bool) -> Iterator[str]:
    words = WISHES if dry_run else VERBS
    for change in changes:
        following = f": next at {moment(change.next_at)}" if change.next_at and change.action != "prune" else ""
        yield f"{words[change.action]} {safe(change.name)}{following}"
        for difference in change.differences:
            yield from wrapped(f"  {safe(difference)}")


def _bounds(schedule: Schedule) -> str:
    parts = [f"from {moment(schedule.starts_at)}"] if schedule.starts_at else []
    parts += [f"until {moment(schedule.ends_at)}"] if schedule.ends_at else []
    parts += [f"up to {duration(schedule.jitter_seconds)} later"] if schedule.jitter_seconds else []
    return "".join(f", {part}" for part in parts)


def _limits(schedule: Schedule) -> str:
    parts = []
    if schedule.max_runs is not None:
        parts.append(f"{number(schedule.remaining or 0)} of {number(schedule.max_runs)} runs left")
    if schedule.pause_after_failures is not None:
        parts.append(f"pauses after {schedule.pause_after_failures} failures in a row")
    return "".join(f", {part}" for part in parts)


def _request(request: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in request.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}={inner}" for name, inner in value.items()) + "}"
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list | tuple) else str(value)


def _run(firing: FiringView) -> str:
    return f"{short(firing.run_id)} {firing.run_status or 'pruned'}" if firing.run_id else "-"


def _why_run(firing: FiringView) -> str | None:
    return firing.run_reason


def _due(upcoming: UpcomingTime) -> str:
    return "" if upcoming.due_at == upcoming.nominal_at else moment(upcoming.due_at)
