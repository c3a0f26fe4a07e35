"""Decides what each due time of a schedule comes to: catch-up first, then the overlap with runs that still go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.timetable import DueTimes, Timetable

Action = Literal["started", "buffered", "skipped_overlap", "missed", "excluded", "paused", "backfilled"]
ACTIONS: tuple[Action, ...] = (
    "started",
    "buffered",
    "skipped_overlap",
    "missed",
    "excluded",
    "paused",
    "backfilled",
)
ON_TIME_SECONDS = 30.0
"""A time is late when it was due longer ago: longer than a sweep, or the restart of a worker, takes."""
MAX_BUFFERED = 1000


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision about a nominal time, and its reason. The reason is empty where there is nothing to explain."""

    nominal_at: datetime
    action: Action
    reason: str = ""


@dataclass(slots=True)
class Situation:
    """The schedule as it stands: its unfinished runs, its buffered times, how many runs it may still start.

    `running` describes one unfinished run; empty when there is none. `pause` is why the schedule is paused; None when it
    is not.
    """

    running: str = ""
    buffered: int = 0
    remaining: int | None = None
    pause: str | None = None


@dataclass(slots=True)
class Verdict:
    """The decisions of one evaluation. `cancels`: the unfinished runs are to be cancelled for the last of them.

    `replaces`: the times that were buffered before are skipped.
    """

    decisions: list[Decision] = field(default_factory=list)
    cancels: bool = False
    replaces: bool = False


def decide_times(
    definition: ScheduleDefinition, table: Timetable, due: DueTimes, now: datetime, situation: Situation
) -> Verdict:
    """Decide on every due time, in order. Updates `situation` by what was decided; times after the last run have none."""
    verdict = Verdict()
    for candidate in _candidates(definition, table, due, now, situation.pause):
        if situation.remaining == 0:
            break
        starts = candidate.action == "started"
        decision = overlapped(definition.overlap, candidate, situation, verdict) if starts else candidate
        verdict.decisions.append(decision)
    return verdict


def _candidates(
    definition: ScheduleDefinition, table: Timetable, due: DueTimes, now: datetime, pause: str | None
) -> Iterator[Decision]:
    """Yield a decision for each due time as if no run were going on."""
    last = _last_start(table, due) if definition.catch_up == "last" else None
    for time, due_at in due.times:
        exclusion = table.exclusion_of(time)
        late_seconds = (now - due_at).total_seconds()
        if pause is not None:
            yield Decision(time, "paused", pause)
        elif exclusion is not None:
            yield Decision(time, "excluded", f"by {exclusion}")
        elif (reason := _missed(definition, late_seconds)) is not None:
            yield Decision(time, "missed", reason)
        elif definition.catch_up == "last" and time != last:
            yield Decision(time, "missed", "no worker swept in time, and a later time was due (catch_up = last)")
        else:
            yield Decision(time, "started", f"{_span(late_seconds)} late" if late_seconds > ON_TIME_SECONDS else "")


def _last_start(table: Timetable, due: DueTimes) -> datetime | None:
    """Return the newest due time that is not excluded; None while more times are due."""
    times = (time for time, _ in reversed(due.times) if table.exclusion_of(time) is None)
    return next(times, None) if due.is_last else None


def _missed(definition: ScheduleDefinition, late_seconds: float) -> str | None:
    """Say why a time is too late to be caught up with; None when it is not."""
    if late_seconds <= ON_TIME_SECONDS:
        return None
    if definition.catch_up == "none":
        return f"no worker swept for {_span(late_seconds)} (catch_up = none)"
    if late_seconds > definition.catch_up_seconds:
        within = _span(definition.catch_up_seconds)
        return f"no worker swept for {_span(late_seconds)}, longer than catch_up_seconds ({within})"
    return None


def overlapped(policy: str, decision: Decision, situation: Situation, verdict: Verdict) -> Decision:
    """Apply the overlap policy to a time that is to start, and count what it takes."""
    time = decision.nominal_at
    if policy == "allow" or not (situation.running or situation.buffered):
        situation.running = f"the run of {time:%Y-%m-%d %H:%M} UTC"
        return _counted(decision, situation)
    because = f"{situation.running} is unfinished" if situation.running else "an earlier time is buffered"
    if policy == "skip":
        return Decision(time, "skipped_overlap", f"{because} (overlap = skip)")
    if policy == "cancel_other":
        return _replacing(decision, situation, verdict)
    most = 1 if policy == "buffer_one" else MAX_BUFFERED
    if situation.buffered >= most:
        which = "another time is buffered" if most == 1 else f"{most:,} times are buffered"
        return Decision(time, "skipped_overlap", f"{because}, and {which} (overlap = {policy})")
    situation.buffered += 1
    return _counted(Decision(time, "buffered", because), situation)


def _replacing(decision: Decision, situation: Situation, verdict: Verdict) -> Decision:
    """Let the newest time take the place of everything before it: unfinished runs, and times that are buffered."""
    time = decision.nominal_at
    for index, earlier in enumerate(verdict.decisions):
        if earlier.action in ("started", "buffered"):
            skipped = Decision(earlier.nominal_at, "skipped_overlap", "a later time was due (overlap = cancel_other)")
            verdict.decisions[index] = skipped
            return Decision(time, earlier.action, earlier.reason)
    verdict.cancels, verdict.replaces = bool(situation.running), situation.buffered > 0
    buffered = Decision(time, "buffered", f"until {situation.running} has been cancelled")
    if verdict.replaces:
        return buffered
    situation.buffered += 1
    return _counted(buffered, situation)


def _counted(decision: Decision, situation: Situation) -> Decision:
    if situation.remaining is not None:
        situation.remaining -= 1
    return decision


def _span(seconds: float) -> str:
    """Return a span for people: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def counts_of(decisions: Sequence[Decision]) -> dict[str, int]:
    """Count the decisions by action, for logs."""
    return {action: sum(1 for each in decisions if each.action == action) for action in ACTIONS}
