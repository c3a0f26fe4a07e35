"""Reads [narrative.schedule]: when the narrative is to run, and with which options. Starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import TEXT, fits, read_table
from botticelli.narrative.source.problems import Problems, shown
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.definition_checks import faults_of
from botticelli.toml_text.lexer import TomlPath

MOMENTS = ("anchor", "starts_at", "ends_at")


def read_schedule(path: TomlPath, written: Any, problems: Problems) -> ScheduleDefinition | None:
    """Read the table; None when a value of it is a problem."""
    table = read_table(problems, path, written, keys.SCHEDULE, subject="[narrative.schedule]")
    unread = written.keys() & keys.SCHEDULE.known.keys() - table.keys()
    request = _request(path, table, problems)
    moments = {key: _moment((*path, key), table[key], table, problems) for key in MOMENTS if key in table}
    crons = table.get("cron", [])
    values = {key: value for key, value in table.items() if key not in ("cron", "exclude", *keys.SCHEDULE_REQUEST)}
    values |= moments
    values["crons"] = (crons,) if isinstance(crons, str) else tuple(crons)
    values["exclude"] = tuple(map(str, table.get("exclude", [])))
    definition = ScheduleDefinition(**values, request=request)
    faults = faults_of(definition)
    for fault in faults:
        if fault.key not in unread and not (fault.is_missing and unread & {"cron", "every_seconds"}):
            here = (*path, fault.key)
            is_listed = fault.index is not None and isinstance(table.get(fault.key), list)
            problems.add((*here, fault.index or 0) if is_listed else here, fault.message, fault.hint)
    return None if faults or unread else definition


def _request(path: TomlPath, table: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """Return the options of the runs. Their values are texts, as everywhere where a run is asked for."""
    request = {key: table[key] for key in keys.SCHEDULE_REQUEST if key in table}
    variables = request.get("variables", {})
    if all([fits(problems, (*path, "variables", key), value, keys.VARIABLE) for key, value in variables.items()]):
        request |= {"variables": {key: _as_text(value) for key, value in variables.items()}} if variables else {}
    for key, value in request.get("tiers", {}).items():
        fits(problems, (*path, "tiers", key), value, TEXT)
    for index, tag in enumerate(request.get("tags", [])):
        fits(problems, (*path, "tags", index), tag, TEXT)
    return request


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(path: TomlPath, value: Any, table: Mapping[str, Any], problems: Problems) -> datetime | None:
    """Return an aware time; one without a zone is local time of the schedule."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else value.isoformat())
    except ValueError:
        hint = "such as 2026-12-24T09:00:00"
        problems.add(path, f"{shown(value)} is neither a date nor a date and a time", hint)
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=_zone(table.get("timezone", "UTC")))


def _zone(name: str) -> ZoneInfo:
    """Return the zone; UTC for one that doesn't exist, which is a problem of its own."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")
