"""Lists and shows runs."""

from __future__ import annotations

from fastapi import APIRouter

from botticelli.http.access.doors import Reader
from botticelli.http.wire.checked_route import CheckedRoute

router = APIRouter(route_class=CheckedRoute, tags=["runs"])


@router.get("/v1/runs")
def list_runs(door: Reader) -> dict[str, object]:
    """List runs, newest first."""
    return {"items": [{"id": run.id, "status": run.status} for run in door.client.runs()], "next": None}
