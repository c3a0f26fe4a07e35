"""Shows what is used and held in every window, explains and audits it, and lowers or pauses budgets."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from botticelli.carousel import pause_scope as pause
from botticelli.carousel import resume_scope as resume
from botticelli.carousel.control.lowered_limits import DEFAULT, lower_limit
from botticelli.errors import NotFound
from botticelli.http.access.doors import Admin, Door, Reader
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.moments import Moment
from botticelli.http.wire.views import OPEN, STRICT, Body, shown, view_of
from botticelli.monitoring.budget_scopes import find_scope, known_scopes
from botticelli.monitoring.budgets.explanation import explanation
from botticelli.monitoring.budgets.ledger_audit import audited
from botticelli.monitoring.budgets.scope_history import history_of
from botticelli.monitoring.budgets.scope_usage import usage_objects
from botticelli.store import Override

router = APIRouter(route_class=CheckedRoute, tags=["budget"])
ScopeName = Annotated[
    str, Path(max_length=500, description="The name of a scope, such as gemini/gemini-2.5-flash@free.")
]
OverrideView = view_of(Override, "OverrideView")
TENANT = "tenant:"


class WindowUsage(BaseModel):
    """One window: its limit, what is used and held, and when it resets."""

    model_config = OPEN
    window: str
    limit: int
    used: int
    held: int
    remaining: int


class ScopeUsageView(BaseModel):
    """A scope with its windows, its holders and its pause."""

    model_config = OPEN
    scope: str
    windows: list[WindowUsage]
    paused: OverrideView | None  # type: ignore[valid-type]


class ScopeList(BaseModel):
    """All scopes, by name."""

    model_config = STRICT
    items: list[ScopeUsageView]


class Explanation(BaseModel):
    """Everything that is known of a scope; see `botticelli budget explain`."""

    model_config = OPEN
    scope: str
    usual_limits: dict[str, int]
    overrides: list[OverrideView]  # type: ignore[valid-type]


class Audit(BaseModel):
    """Every window recomputed from the ledger. `ok`: no limit was exceeded."""

    model_config = STRICT
    ok: bool
    windows: list[dict[str, Any]]
    unlimited: list[str]


class History(BaseModel):
    """Lowered limits, newest first, and the usage of 24 hours by scope and hour."""

    model_config = STRICT
    overrides: list[OverrideView]  # type: ignore[valid-type]
    usage: dict[str, list[dict[str, Any]]]


class PauseBody(Body):
    """Why a scope is paused, and until when."""

    reason: Annotated[str, Field(max_length=2000, examples=["the month's money is spent"])] = ""
    until: Moment | None = None


class SetBody(PauseBody):
    """A lower limit of a window; null restores the usual one."""

    window: Annotated[str, Field(max_length=200, examples=["tokens/60s"])]
    limit: Annotated[int | None, Field(ge=0, lt=2**63, examples=[1000])]
    reason: Annotated[str, Field(min_length=1, max_length=2000, examples=["a quiet night"])]


class Resumed(BaseModel):
    """Whether the scope was paused before."""

    model_config = STRICT
    scope: str
    resumed: bool


@router.get("/v1/budget", response_model=ScopeList)
def list_scopes(door: Reader) -> Any:
    """Show what is used, held and left of every window. A tenant's token sees its own budget only."""
    scopes = [scope for scope in known_scopes(door.whole) if _is_visible(door, scope.name)]
    return {"items": shown(usage_objects(door.whole, scopes))}


@router.get("/v1/budget:audit", response_model=Audit)
def audit(door: Reader, since: Moment | None = None) -> Any:
    """Recompute every window from the ledger, and compare it with the limit that was in force."""
    door.require_no_tenant()
    return shown(audited(door.whole, since))


@router.get("/v1/budget:history", response_model=History)
def history(door: Reader, scope: Annotated[str | None, Query(max_length=500)] = None) -> Any:
    """Show lowered limits (who, why, until when), and requests and tokens of the last 24 hours."""
    if door.identity.tenant is not None or scope is not None:
        scope = _visible(door, scope or f"{TENANT}{door.identity.tenant}")
    return shown(history_of(door.whole, scope))


@router.get("/v1/budget/{scope:path}", response_model=Explanation)
def explain(scope: ScopeName, door: Reader) -> Any:
    """Explain a scope: its windows, where its limits come from, who holds it, estimated against actual use."""
    return shown(explanation(door.whole, _visible(door, scope)))


@router.post("/v1/budget/{scope:path}:set", response_model=OverrideView)
def set_limit(scope: ScopeName, door: Admin, body: SetBody) -> Any:
    """Lower a limit for a while; it holds in all processes within a second."""
    limit = DEFAULT if body.limit is None else str(body.limit)
    named = find_scope(door.whole, scope)
    return shown(lower_limit(door.whole, named, body.window, limit, door.actor(body.reason), until=body.until))


@router.post("/v1/budget/{scope:path}:pause", response_model=OverrideView)
def pause_scope(scope: ScopeName, door: Admin, body: PauseBody | None = None) -> Any:
    """Pause a scope: nothing is admitted or drawn from it. Calls in flight are settled."""
    body = body or PauseBody()
    name = find_scope(door.whole, scope).name
    return shown(pause(door.whole, name, door.actor(body.reason), until=body.until))


@router.post("/v1/budget/{scope:path}:resume", response_model=Resumed)
def resume_scope(scope: ScopeName, door: Admin, body: PauseBody | None = None) -> Any:
    """Resume a scope; the runs that wait for it are checked within a second."""
    name = find_scope(door.whole, scope).name
    override = resume(door.whole, name, door.actor((body or PauseBody()).reason))
    return {"scope": name, "resumed": override is not None}


def _is_visible(door: Door, scope: str) -> bool:
    return door.identity.tenant is None or scope == f"{TENANT}{door.identity.tenant}"


def _visible(door: Door, scope: str) -> str:
    """Return the scope. NotFound for one of others."""
    if not _is_visible(door, scope):
        raise NotFound(f"there is no scope {scope!r}", do="see /v1/budget")
    return scope
