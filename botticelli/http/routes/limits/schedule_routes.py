"""Makes, lists, edits, pauses, triggers, backfills and deletes schedules, and explains what fired."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, Field

from botticelli.carousel.scheduling.outlook import (
    ScheduleReasons,
    ScheduleView,
    UpcomingTime,
    list_schedules,
    reasons,
    status_of,
    upcoming,
    view_schedule,
)
from botticelli.carousel.scheduling.schedule_control import (
    Backfill,
    BackfillOverlap,
    backfill,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    trigger,
)
from botticelli.carousel.scheduling.schedule_definitions import (
    ScheduleChange,
    create_schedule,
    redefine_schedule,
    wish_of,
)
from botticelli.carousel.scheduling.schedule_forecast import SchedulesForecast, forecast_schedules
from botticelli.http.access.doors import Controller, Reader
from botticelli.http.access.idempotency import Once
from botticelli.http.routes.runs.enqueue_routes import tenant_of
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.moments import Moment
from botticelli.http.wire.problem_answers import Problem
from botticelli.http.wire.views import STRICT, Body, Cursor, Limit, page_by_name, page_of, shown, view_of
from botticelli.runtime.heartbeats import live_workers
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.schedule_policies import CATCH_UP_SECONDS, CatchUp, Overlap
from botticelli.store import FiringView, Schedule

router = APIRouter(route_class=CheckedRoute, tags=["schedules"])
Name = Annotated[str, Path(max_length=300, description="The name of a schedule.")]
Seconds = Annotated[float | None, Field(gt=0, le=10**9)]
Crons = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100, examples=[["0 9 * * 1-5"]])]
Days = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=1000, examples=[["2026-12-24"]])]
Big = Annotated[int | None, Field(ge=1, lt=2**31)]
FIRST_VERSION = 1
"""The version of a schedule that was not changed since it was made."""
Zone = Annotated[str, Field(max_length=100, examples=["Europe/Rome"])]

FiringModel = view_of(FiringView, "FiringView")
ScheduleFields = view_of(Schedule, "ScheduleFields", "now")
ChangeView = view_of(ScheduleChange, "ScheduleChangeView")
BackfillView = view_of(Backfill, "BackfillView")
ReasonsView = view_of(ScheduleReasons, "ScheduleReasonsView")
ForecastView = view_of(SchedulesForecast, "SchedulesPlanView")
TimeView = view_of(UpcomingTime, "UpcomingTimeView")


class ScheduleModel(ScheduleFields):  # type: ignore[valid-type,misc]
    """A schedule. `version` is its ETag, too."""

    status: str


class ScheduleDetails(ScheduleModel):
    """A schedule with its unfinished runs, its buffered times and its last firings."""

    running: list[str]
    buffered: list[datetime]
    firings: list[FiringModel]  # type: ignore[valid-type]


SchedulePage = page_of(ScheduleModel)


class Times(BaseModel):
    """The next times of a schedule."""

    model_config = STRICT
    items: list[TimeView]  # type: ignore[valid-type]


class Definition(Body):
    """When a schedule fires. Either `crons` or `every_seconds`."""

    crons: Crons = []
    every_seconds: Seconds = None
    anchor: Moment | None = None
    timezone: Zone = "UTC"
    exclude: Days = []
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    jitter_seconds: Annotated[float, Field(ge=0, le=10**9)] = 0.0
    overlap: Overlap = "skip"
    catch_up: CatchUp = "last"
    catch_up_seconds: Annotated[float, Field(ge=0, le=10**9)] = CATCH_UP_SECONDS
    max_runs: Big = None
    pause_after_failures: Big = None


class ScheduleBody(Definition):
    """A schedule to make: of a narrative of the server's folders, or of the TOML of one."""

    narrative: Annotated[str | None, Field(min_length=1, max_length=300, examples=["digest"])] = None
    text: Annotated[str | None, Field(min_length=1)] = None
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    live: Annotated[bool, Field(description="Read the narrative again at each time.")] = False
    request: Annotated[dict[str, Any], Field(description="Options of its runs.", examples=[{"tags": ["daily"]}])] = {}


class Note(Body):
    """Why a schedule is paused or triggered."""

    reason: Annotated[str, Field(max_length=2000)] = ""


class TriggerBody(Note):
    """Why, and what an unfinished run means this time."""

    overlap: Overlap | None = None


class ForecastBody(Body):
    """How far the forecast reaches, and how long a call takes if that is known."""

    days: Annotated[float, Field(gt=0, le=31)] = 1.0
    call_seconds: Annotated[float | None, Field(ge=0, le=86_400)] = None


class BackfillBody(Note):
    """The past times that are run."""

    start: Annotated[Moment, Field(examples=["2026-01-05T00:00:00Z"])]
    end: Annotated[Moment, Field(examples=["2026-01-07T00:00:00Z"])]
    overlap: BackfillOverlap = "buffer_all"


@router.get("/v1/schedules", response_model=SchedulePage)
def list_all(door: Reader, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """List schedules by name."""
    items = [_model(schedule) for schedule in list_schedules(door.runtime)]
    return page_by_name(items, limit, cursor, lambda item: f"{item['name']} {item['id']}")


@router.post("/v1/schedules", status_code=201, response_model=ChangeView)
def create(door: Controller, body: ScheduleBody, once: Once, response: Response) -> Any:
    """Make a schedule. A snapshot of the narrative runs; a live one is read again each time."""
    tenant = tenant_of(door, body.request.get("tenant"))

    def answer() -> Any:
        request = {**body.request, **({"tenant": tenant} if tenant else {})}
        given = body.model_dump(exclude={"narrative", "text", "request"})
        definition = ScheduleDefinition(**given, request=request)
        return shown(create_schedule(door.runtime, wish_of(door.runtime, definition, body.narrative, body.text)))

    created = once.perform(door, body, answer, response)
    response.headers["ETag"] = f'"{FIRST_VERSION}"'
    return created


@router.post("/v1/schedules:plan", response_model=ForecastView)
def plan_all(door: Reader, body: ForecastBody | None = None) -> Any:
    """Forecast the runs of all active schedules under the limits that they share. Starts nothing."""
    body = body or ForecastBody()
    workers, seconds = len(live_workers(door.runtime)), body.days * 86_400
    return shown(forecast_schedules(door.runtime, seconds=seconds, workers=workers, call_seconds=body.call_seconds))


@router.get("/v1/schedules/{name}", response_model=ScheduleDetails)
def show(name: Name, door: Reader, response: Response, firings: Annotated[int, Query(ge=1, le=200)] = 10) -> Any:
    """Show a schedule, with its last firings. The header ETag is wanted for edits."""
    view: ScheduleView = view_schedule(door.runtime, name, firings=firings)
    response.headers["ETag"] = etag(view.schedule)
    others = {"running": view.running, "buffered": view.buffered, "firings": view.firings}
    return {**_model(view.schedule), **shown(others)}


@router.patch("/v1/schedules/{name}", response_model=ChangeView)
def edit(
    name: Name,
    door: Controller,
    body: Definition,
    response: Response,
    if_match: Annotated[
        str | None, Header(max_length=100, description="The ETag of the schedule that was read.")
    ] = None,
) -> Any:
    """Change when a schedule fires: fields that are given replace the present ones. What it runs stays."""
    if if_match is None:
        raise Problem(428, "", "send the ETag of the schedule as If-Match")
    changes = {field: getattr(body, field) for field in body.model_fields_set}
    schedule, change = redefine_schedule(
        door.runtime, name, changes, matches=lambda old: if_match == "*" or if_match == etag(old)
    )
    if change is None:
        raise Problem(412, "", "the schedule was changed meanwhile; read it again")
    response.headers["ETag"] = etag(schedule)
    return shown(change)


@router.delete("/v1/schedules/{name}", status_code=204)
def delete(name: Name, door: Controller) -> Response:
    """Delete a schedule with what is recorded of its times. Its runs stay."""
    delete_schedule(door.runtime, name)
    return Response(status_code=204)


@router.get("/v1/schedules/{name}/next", response_model=Times)
def next_times(name: Name, door: Reader, count: Annotated[int, Query(ge=1, le=200)] = 10) -> Any:
    """List the next times of a schedule; excluded ones say by what."""
    return {"items": shown(upcoming(door.runtime, name, count))}


@router.get("/v1/schedules/{name}/why", response_model=ReasonsView)
def why(name: Name, door: Reader, at: Moment | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 10) -> Any:
    """Explain what the last times of a schedule came to, or what became of the time `at`."""
    return shown(reasons(door.runtime, name, at=at, limit=limit))


@router.post("/v1/schedules/{name}:pause", response_model=ScheduleModel)
def pause(name: Name, door: Controller, body: Note | None = None) -> Any:
    """Pause a schedule: no run starts until it is resumed."""
    return _model(pause_schedule(door.runtime, name, door.actor((body or Note()).reason)))


@router.post("/v1/schedules/{name}:resume", response_model=ScheduleModel)
def resume(name: Name, door: Controller) -> Any:
    """Resume a schedule from now on; times that passed meanwhile don't fire."""
    return _model(resume_schedule(door.runtime, name))


@router.post("/v1/schedules/{name}:trigger", response_model=FiringModel)
def trigger_now(name: Name, door: Controller, body: TriggerBody, once: Once, response: Response) -> Any:
    """Start a run of a schedule now, also of a paused one."""

    def answer() -> Any:
        return shown(trigger(door.runtime, name, door.actor(body.reason), body.overlap))

    return once.perform(door, body, answer, response)


@router.post("/v1/schedules/{name}:backfill", response_model=BackfillView)
def backfill_past(name: Name, door: Controller, body: BackfillBody, once: Once, response: Response) -> Any:
    """Run the past times of a schedule that have no run."""

    def answer() -> Any:
        actor = door.actor(body.reason)
        return shown(backfill(door.runtime, name, body.start, body.end, actor=actor, overlap=body.overlap))

    return once.perform(door, body, answer, response)


def etag(schedule: Schedule) -> str:
    """Return the ETag of a schedule: its version."""
    return f'"{schedule.version}"'


def _model(schedule: Schedule) -> dict[str, Any]:
    fields = shown(schedule)
    fields.pop("now")
    return {"status": status_of(schedule), **fields}
