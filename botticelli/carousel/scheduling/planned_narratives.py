"""Prepares the runs of schedules: reads the narrative, checks it as any request, and gives each nominal time its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cachetools import TTLCache
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from botticelli.carousel.checks.media_and_tables import media_in, media_types
from botticelli.carousel.enqueuing.enqueue import EnqueueRequest, Prepared, prepare
from botticelli.carousel.enqueuing.from_wire import load_by_name, refusal_of
from botticelli.carousel.enqueuing.request_options import options_of_request
from botticelli.carousel.enqueuing.row_options import RunRows
from botticelli.errors import InvalidInput, ServiceUnavailable
from botticelli.messages import run_id_for
from botticelli.narrative import Loaded
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import demands_from_rows
from botticelli.store import DueSchedule, NewMedium, NewRun, Schedule, StoredNarrative
from botticelli.untrusted.storable import storable

AWAY = (ServiceUnavailable, OperationalError, InterfaceError, PoolTimeout, RedisError)
"""A server is away: the time is tried again, and no run is spent on it."""
CACHE_SIZE, CACHE_SECONDS = 2000, 60.0
"""A prepared run is used again for so long: its checks see changed tables and settings only then."""
MAX_ROWS = 100_000
"""Rows are copied in the transaction that fires their run; so many take seconds."""
NOMINAL_VARIABLE = "nominal_at"
"""A narrative with this variable gets the nominal time of its run, in local time of the schedule."""


@dataclass(frozen=True, slots=True)
class RunTemplate:
    """A checked run of a schedule, or why there can be none; `of` makes the run of one nominal time."""

    new: NewRun
    media: Mapping[str, NewMedium]
    """Media that are not stored yet; those of a snapshot are."""
    stored_media: tuple[str, ...] = ()
    refusal: str | None = None
    has_nominal_variable: bool = False
    rows: RunRows | None = None
    """The rows of its runs, which `close` lets go; a template with rows is made for one firing."""

    def close(self) -> None:
        if self.rows is not None:
            self.rows.chosen.close()

    def of(self, schedule: Schedule, nominal_at: datetime) -> NewRun:
        run_id = run_id_of(schedule.id, nominal_at)
        variables = dict(self.new.variables)
        if self.has_nominal_variable and NOMINAL_VARIABLE not in variables:
            variables[NOMINAL_VARIABLE] = local_text(schedule, nominal_at)
        return replace(self.new, id=run_id, schedule_id=schedule.id, variables=variables)


def run_id_of(schedule_id: str, nominal_at: datetime) -> str:
    """Derive the id of the run of a nominal time, so that it can't be started twice."""
    return run_id_for(f"schedule/{schedule_id}/{nominal_at.astimezone(UTC).isoformat(timespec='microseconds')}")


def local_text(schedule: Schedule, moment: datetime) -> str:
    from zoneinfo import ZoneInfo

    return moment.astimezone(ZoneInfo(schedule.timezone)).isoformat(timespec="minutes")


def options_of(request: Mapping[str, Any], demands: StoredNarrative | None = None) -> EnqueueRequest:
    """Return the enqueue options that a schedule's request stands for. InvalidInput."""
    rows = () if demands is None else demands_from_rows(demands.demands)
    return replace(options_of_request(request, None), demands=rows)


def checked_template(runtime: Runtime, request: Mapping[str, Any], stored: StoredNarrative) -> RunTemplate:
    """Prepare the runs of a schedule. Raises what enqueuing raises when there can be none."""
    loaded, source = narrative_to_run(runtime, stored)
    prepared = prepare_scheduled(runtime, loaded, source, options_of(request, stored))
    media = {} if stored.snapshot is not None else media_in(loaded)
    has_variable = NOMINAL_VARIABLE in loaded.narrative.variables
    return RunTemplate(prepared.new, media, tuple(stored.media), None, has_variable, prepared.rows)


def prepare_scheduled(runtime: Runtime, loaded: Loaded, source: str, options: EnqueueRequest) -> Prepared:
    """Prepare a run of a schedule; the caller closes its rows. InvalidInput for more rows than one firing copies."""
    prepared = prepare(runtime, loaded, source, options)
    if prepared.rows is not None and prepared.rows.chosen.count > MAX_ROWS:
        prepared.close()
        problem = f"has {prepared.rows.chosen.count:,} rows; a schedule takes up to {MAX_ROWS:,} at a time"
        raise InvalidInput(problem, where=source, do="set only_new or limit, or start it with `botticelli run`")
    return prepared


def template_of(runtime: Runtime, schedule: Schedule, stored: StoredNarrative) -> RunTemplate:
    """Prepare the runs of a schedule. What can't be run becomes a refusal; an absent server is raised."""
    try:
        return checked_template(runtime, schedule.request, stored)
    except AWAY:
        raise
    except Exception as error:
        refused = NewRun(id="", narrative=schedule.narrative, source=schedule.source, iterations=0)
        return RunTemplate(refused, {}, (), storable(str(refusal_of(error))))


def narrative_to_run(runtime: Runtime, stored: StoredNarrative) -> tuple[Loaded, str]:
    """Return the narrative of a snapshot, or that of the file as it is now. NarrativeError, NotFound."""
    if stored.snapshot is None:
        return load_by_name(runtime, stored.source)
    file = Path(stored.source.partition("#")[0])
    folders = (file.parent,) if file.is_absolute() else ()
    return Loaded(Narrative.model_validate(stored.snapshot), folders=folders), stored.source


class Templates:
    """Prepares the runs of schedules, each different request once; what a file says is read again each time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._by_version: TTLCache[DueSchedule, RunTemplate] = TTLCache(CACHE_SIZE, CACHE_SECONDS)
        self._by_request: TTLCache[str, RunTemplate] = TTLCache(CACHE_SIZE, CACHE_SECONDS)

    def of(self, due: DueSchedule) -> RunTemplate | None:
        """Return the template of a schedule; None when the schedule is gone or changed."""
        key = replace(due, is_timed=True)
        template = self._by_version.get(key)
        if template is None:
            with self._runtime.store.transaction() as tx:
                schedule = tx.schedules.get(due.id)
                stored = None if schedule is None else tx.schedules.stored(due.id)
            if schedule is None or stored is None or schedule.version != due.version:
                return None
            template = self._of_request(schedule, stored)
            if not schedule.live and template.rows is None:
                self._by_version[key] = template
        return template

    def _of_request(self, schedule: Schedule, stored: StoredNarrative) -> RunTemplate:
        if schedule.live:
            return template_of(self._runtime, schedule, stored)
        request = [stored.source, stored.snapshot, list(stored.demands), dict(schedule.request)]
        key = json.dumps(request, sort_keys=True)
        template = self._by_request.get(key)
        if template is None:
            template = template_of(self._runtime, schedule, stored)
            if template.rows is None:
                self._by_request[key] = template
        return template


def hashes_of(narrative: Narrative) -> tuple[str, ...]:
    """Return the hashes of a narrative's stored media."""
    return tuple(sorted(media_types(narrative)))
