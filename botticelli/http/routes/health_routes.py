"""Says whether the server is alive, and whether it can do its work."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from botticelli.client.service_errors import service_errors
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.runtime.process import Runtime

router = APIRouter(route_class=CheckedRoute, tags=["health"])


class Health(BaseModel):
    """The server answers."""

    model_config = ConfigDict(extra="forbid")
    status: Annotated[Literal["ok"], Field(examples=["ok"])] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Say that the process is alive. Touches no server."""
    return Health()


@router.get("/readyz")
def readyz(request: Request) -> Health:
    """Say that Postgres and Redis answer; 503 when one is away."""
    runtime: Runtime = request.app.state.runtime
    with service_errors(runtime.settings):
        with runtime.store.transaction() as tx:
            tx.connection.exec_driver_sql("select 1")
        runtime.redis.ping()
    return Health()
