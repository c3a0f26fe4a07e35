"""Shows the narratives, prices, workers and the database of this installation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from botticelli.http.access.doors import Admin, Enqueuer, Reader
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.views import OPEN, STRICT, Body, Cursor, Limit, page_by_name, page_of, shown
from botticelli.monitoring.narrative_list import check_requested, describe_requested, list_narratives
from botticelli.monitoring.priced_models import priced_models
from botticelli.narrative.authoring.schema import narrative_schema
from botticelli.runtime.heartbeats import live_workers, worker_troubles
from botticelli.store.connection.database import schema_status

router = APIRouter(route_class=CheckedRoute, tags=["installation"])


class NarrativeView(BaseModel):
    """A narrative of the server's folders."""

    model_config = STRICT
    name: str
    file: str
    description: str | None
    acts: int | None
    iterations: int | None
    problems: int


NarrativePage = page_of(NarrativeView)


class NarrativeBody(Body):
    """A narrative by its name in the server's folders, or as TOML."""

    narrative: Annotated[str | None, Field(min_length=1, max_length=300, examples=["hello"])] = None
    text: Annotated[str | None, Field(min_length=1)] = None
    name: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    rehearse: bool = False


class Checked(BaseModel):
    """A narrative that can be performed. One that can't is answered with 422 and all its problems."""

    model_config = STRICT
    narrative: str
    warnings: list[str]


class NarrativeDetails(BaseModel):
    """A narrative act by act."""

    model_config = OPEN
    name: str
    acts: list[dict[str, Any]]


class Worker(BaseModel):
    """A worker that is alive; `trouble` is why it can't work, if it can't."""

    model_config = STRICT
    name: str
    trouble: str | None


class Workers(BaseModel):
    """The workers that are alive."""

    model_config = STRICT
    items: list[Worker]


class PriceView(BaseModel):
    """The price of a model, in US dollars for a million tokens."""

    model_config = OPEN
    model: str
    known: bool


PricePage = page_of(PriceView)


class Database(BaseModel):
    """The revision of the database's schema, and the one that this version needs."""

    model_config = STRICT
    current: str | None
    required: str
    up_to_date: bool


@router.get("/v1/narratives", response_model=NarrativePage)
def narratives(door: Reader, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """List the narratives that can be enqueued by name."""
    return page_by_name(list_narratives(door.runtime), limit, cursor, lambda item: str(item["name"]))


@router.post("/v1/narratives:check", response_model=Checked)
def check(door: Enqueuer, body: NarrativeBody) -> Any:
    """Check a narrative: 422 lists all its problems with file, line and column."""
    return check_requested(
        door.runtime, narrative=body.narrative, text=body.text, name=body.name, rehearse=body.rehearse
    )


@router.post("/v1/narratives:show", response_model=NarrativeDetails)
def show(door: Enqueuer, body: NarrativeBody) -> Any:
    """Show the acts of a narrative in order, each with its inputs, model and token estimate."""
    return shown(describe_requested(door.runtime, narrative=body.narrative, text=body.text, name=body.name))


@router.get("/v1/narratives:schema", response_model=dict[str, Any])
def schema(door: Reader) -> Any:  # noqa: ARG001 (demands a token)
    """Return the JSON Schema of narrative files, for editors."""
    return narrative_schema()


@router.get("/v1/workers", response_model=Workers)
def workers(door: Reader) -> Any:
    """List the workers that are alive."""
    door.require_no_tenant()
    troubles = worker_troubles(door.whole)
    names = sorted({*live_workers(door.whole), *troubles})
    return {"items": [{"name": name, "trouble": troubles.get(name)} for name in names]}


@router.get("/v1/prices", response_model=PricePage)
def prices(
    door: Reader,
    model: Annotated[str | None, Query(max_length=200, description="A model, or a part of names.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List prices as they are today."""
    now = datetime.now(UTC)
    items = [priced.as_json(now) for priced in priced_models(door.whole, model)]
    return page_by_name(items, limit, cursor, lambda item: str(item["model"]))


@router.get("/v1/db", response_model=Database)
def database(door: Admin) -> Any:
    """Show the revision of the schema."""
    status = schema_status(door.whole.store.engine)
    return {**shown(status), "up_to_date": status.up_to_date}
