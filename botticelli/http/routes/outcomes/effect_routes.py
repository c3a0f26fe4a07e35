"""Lists effects of bot commands, approves and rejects those that wait, and resolves those of unknown outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from botticelli.carousel import decide
from botticelli.carousel.control.resolutions import resolve_effect
from botticelli.http.access.doors import Approver, Reader
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.cursors import decoded
from botticelli.http.wire.views import STRICT, Body, Cursor, Limit, page, page_of, shown, view_of
from botticelli.statuses import EffectStatus, Resolution
from botticelli.store import Effect

router = APIRouter(route_class=CheckedRoute, tags=["effects"])
EffectView = view_of(Effect, "EffectView")
EffectPage = page_of(EffectView)
EffectKey = Annotated[str, Path(max_length=300, description="The effect's key, or a unique prefix of it.")]
Reason = Annotated[str, Field(max_length=2000, examples=["checked"])]


class DecisionBody(Body):
    """Why an effect is approved or rejected."""

    reason: Reason = ""


class ApprovalBody(DecisionBody):
    """Why, and which arguments are replaced before the effect is performed."""

    edits: Annotated[dict[str, Any], Field(description="Arguments by name.", examples=[{"content": "Hello."}])] = {}


class ResolveBody(Body):
    """The outcome of an effect: `done` with its result, `retry` it, or `abandon` it."""

    resolution: Resolution
    data: Annotated[dict[str, Any] | None, Field(description="With `done`: the result; its `id` goes to state.")] = None


class Decided(BaseModel):
    """The effect after a decision; `changed` is false when the same was decided before."""

    model_config = STRICT
    effect: EffectView  # type: ignore[valid-type]
    changed: bool


@router.get("/v1/effects", response_model=EffectPage)
def list_effects(
    door: Reader,
    *,
    status: EffectStatus | None = None,
    run: Annotated[str | None, Query(max_length=300, description="Only effects of this run.")] = None,
    narrative: Annotated[str | None, Query(max_length=300)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List effects, newest first."""
    before = decoded(cursor, datetime, str) if cursor else None
    with door.runtime.store.transaction() as tx:
        run_id = tx.runs.resolve(run) if run else None
        rows = tx.effects.recent(
            status=status,
            run_id=run_id,
            narrative=narrative,
            before=(before[0], before[1]) if before else None,
            limit=limit + 1,
        )
    return page(rows, limit, lambda effect: [effect.intended_at, effect.key])


@router.get("/v1/effects/{key}", response_model=EffectView)
def show_effect(key: EffectKey, door: Reader) -> Any:
    """Show an effect with its arguments and its result."""
    with door.runtime.store.transaction() as tx:
        return shown(tx.effects.find(key))


@router.post("/v1/effects/{key}:approve", response_model=Decided)
def approve_effect(key: EffectKey, door: Approver, body: ApprovalBody | None = None) -> Any:
    """Approve an effect: it is performed once, with the arguments shown or edited, and its run resumes."""
    body = body or ApprovalBody()
    return shown(decide(door.runtime, key, "approved", door.actor(body.reason), edits=body.edits))


@router.post("/v1/effects/{key}:reject", response_model=Decided)
def reject_effect(key: EffectKey, door: Approver, body: DecisionBody | None = None) -> Any:
    """Reject an effect: it is not performed, and its act fails. The first decision counts."""
    return shown(decide(door.runtime, key, "rejected", door.actor((body or DecisionBody()).reason)))


@router.post("/v1/effects/{key}:resolve", response_model=EffectView)
def resolve(key: EffectKey, door: Approver, body: ResolveBody) -> Any:
    """Record the outcome of an effect whose outcome is unknown; then resume its run."""
    effect, _ = resolve_effect(door.runtime, key, body.resolution, by=door.identity.name, data=body.data)
    return shown(effect)
