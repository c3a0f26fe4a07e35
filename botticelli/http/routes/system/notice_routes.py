"""Lists the targets of notices and their deliveries, tests a target, switches it on, and delivers again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from botticelli.http.access.doors import Admin
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.views import OPEN, STRICT, Body, shown, view_of
from botticelli.notices.target_desk import replay_notice, switch_target_on, target_states, try_target
from botticelli.store import DeliveryRow

router = APIRouter(route_class=CheckedRoute, tags=["notices"])
TargetName = Annotated[str, Path(max_length=200, description="The name of a target in the settings.")]
DeliveryView = view_of(DeliveryRow, "DeliveryView")


class Target(BaseModel):
    """A target: whether it is on, and how many deliveries it had."""

    model_config = OPEN
    name: str
    kind: str
    state: str


class Targets(BaseModel):
    """All targets of the settings."""

    model_config = STRICT
    items: list[Target]


class Deliveries(BaseModel):
    """Deliveries, newest first."""

    model_config = STRICT
    items: list[DeliveryView]  # type: ignore[valid-type]


class Tested(BaseModel):
    """The outcome of a test message."""

    model_config = STRICT
    target: str
    delivered: bool
    answer: int | None
    error: str | None


class ReplayBody(Body):
    """The target; by default all that the notice was for."""

    target: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class Replayed(BaseModel):
    """A notice that will be delivered again; targets that are `off` get it once they are on."""

    model_config = STRICT
    notice_id: str
    targets: list[str]
    off: list[str]


class SwitchedOn(BaseModel):
    """A target that is on, and how many deliveries wait for it."""

    model_config = STRICT
    target: str
    pending: int


@router.get("/v1/notices/targets", response_model=Targets)
def list_targets(door: Admin) -> Any:
    """List the targets of the settings."""
    return {"items": shown(target_states(door.whole))}


@router.get("/v1/notices/deliveries", response_model=Deliveries)
def list_deliveries(
    door: Admin,
    *,
    status: Literal["pending", "delivered", "failed"] | None = None,
    target: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Any:
    """List deliveries with their last answer or error."""
    with door.whole.store.transaction() as tx:
        return {"items": shown(tx.deliveries.recent(status=status, target=target, limit=limit))}


@router.post("/v1/notices/targets/{name}:test", response_model=Tested)
def test(name: TargetName, door: Admin) -> Any:
    """Send a test message from this process. It is sent once, and is not recorded."""
    return try_target(door.whole, name)


@router.post("/v1/notices/targets/{name}:on", response_model=SwitchedOn)
def switch_on(name: TargetName, door: Admin) -> Any:
    """Switch a target on again. What waits for it is delivered now."""
    return {"target": name, "pending": switch_target_on(door.whole, name)}


@router.post("/v1/notices/{notice_id}:replay", response_model=Replayed)
def replay(notice_id: Annotated[str, Path(max_length=100)], door: Admin, body: ReplayBody | None = None) -> Any:
    """Deliver a notice again, under its id."""
    return shown(replay_notice(door.whole, notice_id, (body or ReplayBody()).target))
