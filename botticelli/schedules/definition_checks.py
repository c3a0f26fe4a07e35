"""Checks the values of a schedule's definition beyond their types, so that a wrong one is refused where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from botticelli.schedules.cron_text import InvalidCron, fields_of
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.exclusions import InvalidExclusion, read_exclusion
from botticelli.schedules.timetable import Timetable
from botticelli.untrusted.utc_times import OUTSIDE, YEARS

CRON_HINT = 'minute, hour, day, month, weekday: "0 9 * * 1"'
MIN_EVERY_SECONDS = 1.0
MAX_NAME_CHARACTERS = 200
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LOOKED_AT = 2000
"""Times of which at least one must not be excluded."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A wrong value: its key, the position in a list (None: it is no list), what is wrong and what to do."""

    key: str
    index: int | None
    message: str
    hint: str = ""
    is_missing: bool = False
    """True when the key isn't there at all."""


def faults_of(definition: ScheduleDefinition, now: datetime = LONG_AGO) -> list[Fault]:
    """Return what is wrong with a definition, in the order of its keys; whether it ever fires is judged from `now` on.

    Without `now` it may be over: a file stays valid when time passes.
    """
    faults = [*_name_faults(definition.name), *_cron_faults(definition), *_interval_faults(definition)]
    faults += _zone_faults(definition.timezone)
    faults += [*_exclusion_faults(definition), *_bound_faults(definition)]
    return faults or [*_silence(definition, now)]


def _name_faults(name: str | None) -> Iterator[Fault]:
    """A name is a part of an address in HTTP and the console."""
    hint = f"choose one of at most {MAX_NAME_CHARACTERS} characters"
    if name is not None and not 0 < len(name) <= MAX_NAME_CHARACTERS:
        yield Fault("name", None, f"has {len(name):,} characters", hint)
    elif name is not None and ("/" in name or not name.isprintable() or not name.strip(" .")):
        yield Fault("name", None, f"{_shown(name)} can't be the name of a schedule", 'such as "nightly"')


def _cron_faults(definition: ScheduleDefinition) -> Iterator[Fault]:
    for index, text in enumerate(definition.crons):
        try:
            fields_of(text)
        except InvalidCron as error:
            yield Fault("cron", index, f"{_shown(text)} {error}", CRON_HINT)


def _interval_faults(definition: ScheduleDefinition) -> Iterator[Fault]:
    every_seconds = definition.every_seconds
    if every_seconds is None and not definition.crons:
        hint = 'such as cron = "0 9 * * *"'
        yield Fault("cron", None, "a schedule needs cron or every_seconds", hint, is_missing=True)
    if every_seconds is not None and definition.crons:
        yield Fault("every_seconds", None, "cron and every_seconds exclude each other", "keep one of the two")
    if every_seconds is not None and every_seconds < MIN_EVERY_SECONDS:
        yield Fault("every_seconds", None, f"must be a number from 1, not {every_seconds:g}")
    if definition.anchor is not None and every_seconds is None:
        yield Fault("anchor", None, "has an effect only with every_seconds", "leave it out")


def _zone_faults(name: str) -> Iterator[Fault]:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        yield Fault("timezone", None, f"there is no time zone {_shown(name)}", 'such as "Europe/Rome"')


def _exclusion_faults(definition: ScheduleDefinition) -> Iterator[Fault]:
    for index, text in enumerate(definition.exclude):
        try:
            read_exclusion(text)
        except InvalidExclusion as error:
            hint = 'such as "2026-12-24", "2026-12-24..2027-01-02" or "* * * * 0"'
            yield Fault("exclude", index, f"{_shown(text)} {error}", hint)


def _bound_faults(definition: ScheduleDefinition) -> Iterator[Fault]:
    for key in ("anchor", "starts_at", "ends_at"):
        moment: datetime | None = getattr(definition, key)
        if moment is not None and not YEARS[0] <= moment.year <= YEARS[1]:
            yield Fault(key, None, OUTSIDE)
    if definition.starts_at and definition.ends_at and definition.starts_at > definition.ends_at:
        yield Fault("ends_at", None, "is before starts_at")


def _silence(definition: ScheduleDefinition, now: datetime) -> Iterator[Fault]:
    """Yield a fault for a schedule that never fires from `now` on."""
    key = "every_seconds" if definition.every_seconds is not None else "cron"
    table = Timetable(definition)
    has_times = False
    for time in islice(table.after(now), LOOKED_AT):
        has_times = True
        if table.exclusion_of(time) is None:
            return
    if has_times:
        yield Fault("exclude", None, "the schedule never fires: all of its times are excluded", "exclude fewer")
    elif definition.ends_at is not None and definition.ends_at <= now:
        yield Fault("ends_at", None, "the schedule never fires: it is over", "give a later time")
    else:
        hint = "give a later ends_at" if definition.ends_at else "check its day and month"
        yield Fault(key, None, "the schedule never fires: it has no time ahead", hint)


def _shown(text: str) -> str:
    """Return a text for a message: one line, shortened."""
    return text.encode("unicode_escape").decode()[:80]
