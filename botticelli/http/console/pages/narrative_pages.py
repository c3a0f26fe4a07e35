"""Narratives: their source with problems at their lines, a plan, and a run from the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from botticelli.carousel import EnqueueRequest
from botticelli.carousel.checks.run_options import checked_run_options
from botticelli.carousel.enqueuing.from_wire import enqueue_named, load_by_name
from botticelli.carousel.forecast.forecast import forecast
from botticelli.errors import InvalidInput
from botticelli.http.access.doors import Door, Enqueuer, Reader
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.pages.narrative_reports import check_file, narrative_files
from botticelli.http.console.rendering import notice, page, part
from botticelli.runtime.heartbeats import live_workers

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Name = Annotated[str, Path(max_length=300)]
MAX_ITERATIONS = 1_000_000
FIELD = "var."


@router.get("/narratives")
def list_narratives(request: Request, door: Reader) -> Response:
    """Show the narratives that can be enqueued by name."""
    files = narrative_files(door.runtime)
    return page(request, door, "pages/narratives.html", section="narratives", files=files)


@router.get("/narratives/{name:path}")
def show_narrative(request: Request, name: Name, door: Reader) -> Response:
    """Show one file, with its problems."""
    report = check_file(door.runtime, name)
    return page(request, door, "pages/narrative.html", section="narratives", name=name, report=report)


@router.post("/narratives/plan")
def plan(door: Enqueuer, fields: Fields) -> Response:
    """Forecast a run; starts nothing."""
    loaded, source = load_by_name(door.runtime, _file(fields), fields.get("part") or None)
    workers = len(live_workers(door.runtime))
    forecasted = forecast(door.runtime, loaded, source, _request(door, fields), services_run=True, workers=workers)
    return part("parts/plan.html", is_preview=True, forecast=forecasted)


@router.post("/narratives/enqueue")
def enqueue(door: Enqueuer, fields: Fields) -> Response:
    """Enqueue a run, and go to its page."""
    request = _request(door, fields)
    run = enqueue_named(door.runtime, request, narrative=_file(fields), text=None, name=fields.get("part") or None)
    response = notice(f"Enqueued as run {run.id[:8]}.")
    response.headers["HX-Redirect"] = f"/runs/{run.id}"
    return response


def _file(fields: Mapping[str, str]) -> str:
    """Return the name of a narrative: never a path."""
    name = fields.get("narrative", "")
    if name.startswith(("/", ".")) or "#" in name:
        raise InvalidInput(f"{name[:80]!r} is not the name of a narrative", do="choose one of the page Narratives")
    return name


def _request(door: Door, fields: Mapping[str, str]) -> EnqueueRequest:
    """Read the form. InvalidInput for a number that is none."""
    text = fields.get("iterations", "").strip()
    if text and not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MAX_ITERATIONS and len(text) < 9):
        raise InvalidInput("iterations must be a whole number from 1", do="leave it empty for the narrative's own")
    variables = {
        name.removeprefix(FIELD): value for name, value in fields.items() if name.startswith(FIELD) and value != ""
    }
    tags = tuple(tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip())
    return EnqueueRequest(
        iterations=int(text) if text else None,
        variables=variables,
        tags=tags,
        rehearse=fields.get("rehearse") == "yes",
        idempotency_key=fields.get("once") or None,
        run_options=checked_run_options(None, door.identity.tenant, fields.get("model") or None),
    )
