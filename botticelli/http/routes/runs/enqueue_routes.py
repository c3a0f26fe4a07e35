"""Starts runs, and says beforehand what they would take."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, create_model

from botticelli.carousel.enqueuing.enqueue import EnqueueRequest
from botticelli.carousel.enqueuing.from_wire import enqueue_with_notes, load_named
from botticelli.carousel.enqueuing.request_options import options_of_request
from botticelli.carousel.forecast.forecast import Forecast, forecast
from botticelli.http.access.doors import Door, Enqueuer
from botticelli.http.access.idempotency import Once
from botticelli.http.routes.runs.list_routes import without_hidden
from botticelli.http.routes.runs.run_views import RunView
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.field_words import in_fields
from botticelli.http.wire.problem_answers import Problem
from botticelli.http.wire.views import STRICT, Body, shown, view_of
from botticelli.messages import new_run_id, run_id_for
from botticelli.narrative.execution import Multipliers, ServiceTier
from botticelli.runtime.heartbeats import live_workers
from botticelli.security.request_checks import check_request
from botticelli.store import Run

router = APIRouter(route_class=CheckedRoute, tags=["runs"])
MULTIPLIERS = ("rpm_multiplier", "tpm_multiplier", "rpd_multiplier")
Share = Annotated[float | None, Field(gt=0, le=1)]
Count = Annotated[int | None, Field(ge=1, le=2**31 - 1)]
Name = Annotated[str | None, Field(min_length=1, max_length=300)]
EXAMPLE: Any = {"narrative": "hello", "variables": {"who": "Ada"}, "iterations": 3, "tags": ["nightly"]}


class EnqueueBody(Body):
    """Describes the run to start: the name of a narrative of the server's folders, or the TOML of one."""

    model_config = {**Body.model_config, "json_schema_extra": {"examples": [EXAMPLE]}}
    narrative: Name = None
    text: Annotated[str | None, Field(min_length=1, description="The narrative as TOML; it is not trusted.")] = None
    name: Annotated[Name, Field(description="Which of several narratives in the file or the text.")] = None
    variables: Annotated[dict[str, str], Field(description="Values of {var.NAME}.")] = {}
    iterations: Annotated[Count, Field(description="Replaces the number in the narrative.")] = None
    tags: list[str] = []
    tiers: Annotated[dict[str, str], Field(description="The tier of a provider, by provider.")] = {}
    tenant: Annotated[Name, Field(description="Whose budget is spent from, too; a tenant's token says it itself.")] = (
        None
    )
    model: Annotated[Name, Field(description="PROVIDER/MODEL for all acts.")] = None
    service_tier: ServiceTier | None = None
    rehearse: Annotated[bool, Field(description="Answer bot commands offline.")] = False
    rows: Annotated[list[dict[str, Any]] | None, Field(description="Perform the narrative for each of them.")] = None
    row_key: Annotated[str | list[str] | None, Field(description="The column, or the columns, that name a row.")] = None
    only_new: Annotated[bool, Field(description="Leave out rows that an earlier run succeeded with.")] = False
    skip_bad: Annotated[bool, Field(description="Leave out rows that can't be used.")] = False
    limit: Annotated[Count, Field(description="Take at most so many rows.")] = None
    sample: Annotated[Count, Field(description="Take so many rows by chance.")] = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    rpm_multiplier: Share = None
    tpm_multiplier: Share = None
    rpd_multiplier: Share = None


class PlanBody(EnqueueBody):
    """Everything that would be run, and how long a call takes if that is known."""

    call_seconds: Annotated[float | None, Field(ge=0, le=86_400)] = None


class Enqueued(BaseModel):
    """A run that was accepted. `warnings` and `notes` are one line each."""

    model_config = STRICT
    run: RunView  # type: ignore[valid-type]
    warnings: list[str]
    notes: list[str]


ForecastView = create_model("PlanView", __base__=view_of(Forecast, "ForecastView"))


def accepted(run: Run, warnings: Any = (), notes: Any = ()) -> dict[str, Any]:
    """Return the answer for a new run. Raises Problem 409 when the budget refused it at once and it may not wait."""
    refusal = run.waiting_for
    if run.status == "budget_exhausted" and refusal is not None and not run.dispatched:
        what = {name: refusal.get(name) for name in ("scope", "window", "limit", "used", "requested", "retry_after_ms")}
        wait_ms = refusal.get("retry_after_ms")
        headers = {} if wait_ms is None else {"Retry-After": str(-(-int(wait_ms) // 1000))}
        raise Problem(409, "Budget exhausted", str(run.reason), headers=headers, run_id=run.id, **what)
    return {
        "run": without_hidden(shown(run)),
        "warnings": [*map(in_fields, warnings)],
        "notes": [*map(in_fields, notes)],
    }


@router.post("/v1/runs", status_code=202, response_model=Enqueued)
def enqueue_run(door: Enqueuer, body: EnqueueBody, once: Once, response: Response) -> Any:
    """Check a narrative and start a run of it. 422 lists everything that is wrong with it, with file, line and column."""
    tenant = tenant_of(door, body.tenant)

    def answer() -> Any:
        key = once.key_of(door)
        options = request_of(body, tenant, run_id_for(key) if key else new_run_id())
        started = enqueue_with_notes(door.runtime, options, narrative=body.narrative, text=body.text, name=body.name)
        return accepted(started.run, started.warnings, started.notes)

    stored = once.perform(door, body, answer, response)
    response.headers["Location"] = f"/v1/runs/{stored['run']['id']}"
    return stored


@router.post("/v1/plan", response_model=ForecastView)
def plan_run(door: Enqueuer, body: PlanBody) -> Any:
    """Forecast cost, limits, end and effects of a run, given the present budgets and the other runs. Starts nothing."""
    options = request_of(body, tenant_of(door, body.tenant), None)
    loaded, source = load_named(door.runtime, narrative=body.narrative, text=body.text, name=body.name)
    workers = len(live_workers(door.runtime))
    expected = forecast(
        door.runtime, loaded, source, options, services_run=True, workers=workers, call_seconds=body.call_seconds
    )
    return {**shown(expected), "notes": [*map(in_fields, expected.notes)]}


def tenant_of(door: Door, tenant: str | None) -> str | None:
    """Return the tenant that a run is for. Problem 403 when a token of a tenant names another."""
    own = door.identity.tenant
    if own is not None and tenant not in (None, own):
        raise Problem(403, "", "a token of a tenant starts runs of that tenant only")
    return own or tenant


def request_of(body: EnqueueBody, tenant: str | None, run_id: str | None) -> EnqueueRequest:
    """Return the options of a request. InvalidInput."""
    given = body.model_dump(exclude_none=True, exclude={"call_seconds", *MULTIPLIERS})
    given = {name: value for name, value in given.items() if name == "rows" or value not in ({}, [], False)}
    given["tenant"] = tenant
    check_request(given)
    multipliers = Multipliers(**{name: getattr(body, name) for name in MULTIPLIERS})
    return replace(options_of_request(given, run_id), multipliers=multipliers)
