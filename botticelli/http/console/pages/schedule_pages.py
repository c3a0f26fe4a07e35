"""Schedules: the next times, what the last ones came to and why; pause, resume, fire now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from botticelli.carousel.scheduling.outlook import status_of, times_ahead
from botticelli.http.access.doors import Controller, Reader
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.rendering import notice, page

router = APIRouter(route_class=PageRoute, include_in_schema=False)
NEXT_TIMES = 10
FIRINGS = 20
Name = Annotated[str, Path(max_length=200)]


@router.get("/schedules")
def list_schedules(request: Request, door: Reader) -> Response:
    """Show all schedules."""
    schedules = door.client.schedules()
    rows = [(schedule, status_of(schedule)) for schedule in schedules]
    return page(request, door, "pages/schedules.html", section="schedules", rows=rows)


@router.get("/schedules/{name}")
def show_schedule(request: Request, name: Name, door: Reader) -> Response:
    """Show one schedule."""
    view = door.client.schedule(name, firings=FIRINGS)
    schedule = view.schedule
    ahead = times_ahead(schedule, max(schedule.last_nominal, schedule.now), NEXT_TIMES)
    line = door.client.why_schedule(name, limit=1).line
    return page(
        request, door, "pages/schedule.html", section="schedules", view=view, schedule=schedule, ahead=ahead, line=line
    )


@router.post("/schedules/{name}/pause")
def pause(name: Name, door: Controller, fields: Fields) -> Response:
    """Pause a schedule."""
    door.client.pause_schedule(name, note=fields.get("reason", ""))
    return notice(f"{name} is paused: no run starts until it is resumed.")


@router.post("/schedules/{name}/resume")
def resume(name: Name, door: Controller) -> Response:
    """Resume a schedule."""
    door.client.resume_schedule(name)
    return notice(f"{name} goes on; times that have passed don't fire.")


@router.post("/schedules/{name}/trigger")
def trigger(name: Name, door: Controller, fields: Fields) -> Response:
    """Start a run of a schedule now."""
    firing = door.client.trigger_schedule(name, reason=fields.get("reason", ""))
    run = f": run {firing.run_id[:8]}" if firing.run_id else f": {firing.reason}"
    return notice(f"{name} {firing.action}{run}.")
