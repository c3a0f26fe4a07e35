"""Workers: which are alive, what they perform, what keeps them from it, and whether their settings differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from botticelli.client.service_errors import service_errors
from botticelli.http.access.doors import Reader
from botticelli.http.console.page_route import PageRoute
from botticelli.http.console.rendering import page
from botticelli.runtime.heartbeats import WorkerReport, fleet, worker_troubles
from botticelli.runtime.process import Runtime

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker, what it holds, and how its settings differ from those of most workers."""

    report: WorkerReport
    trouble: str
    held: tuple[tuple[str, int, datetime], ...]
    differs: tuple[str, ...]


@router.get("/workers")
def workers(request: Request, door: Reader) -> Response:
    """Show the workers that are alive, which all tenants share."""
    door.require_no_tenant()
    with service_errors(door.runtime.settings):
        rows = worker_rows(door.runtime)
    return page(request, door, "pages/workers.html", section="workers", rows=rows)


def worker_rows(runtime: Runtime) -> list[WorkerRow]:
    """Read what each living worker reports and holds."""
    reports, troubles = fleet(runtime), worker_troubles(runtime)
    held: dict[str, list[tuple[str, int, datetime]]] = {}
    with runtime.store.transaction() as tx:
        for report in reports:
            claims = tx.iterations.held_by([report.worker])
            held[report.worker] = [(claim.run_id, claim.number, claim.started_at) for claim in claims]
    usual = {
        name: _most_common([getattr(report, name) for report in reports]) for name in ("demands", "limits", "notify")
    }
    return [
        WorkerRow(
            report,
            troubles.get(report.worker, ""),
            tuple(held[report.worker]),
            tuple(name for name, value in usual.items() if getattr(report, name) != value),
        )
        for report in reports
    ]


def _most_common(values: list[str | None]) -> str | None:
    return max(values, key=values.count) if values else None
