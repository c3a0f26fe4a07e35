"""Serves the metrics of the fleet at /metrics, as `botticelli metrics` does."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from botticelli.http.access.doors import Door, allows
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.monitoring.metrics.exporter import MetricsExporter
from botticelli.monitoring.metrics.metrics_server import metrics_page
from botticelli.runtime.process import Runtime

router = APIRouter(route_class=CheckedRoute, tags=["health"])
_reads = allows("read")


def allows_metrics(request: Request) -> None:
    """Let everybody in who reaches this server if `http.open_metrics` says so, else tokens with the scope `read`."""
    runtime: Runtime = request.app.state.runtime
    if not runtime.settings.http.open_metrics:
        door: Door = _reads(request)
        door.require_no_tenant()


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[Depends(allows_metrics)],
    openapi_extra={"x-required-scope": "read"},
)
def metrics(request: Request) -> Response:
    """Return the metrics of the fleet in the text format of Prometheus; 503 while Postgres is away."""
    request.app.state.webhook_rejections.write(at_once=True)
    page = metrics_page(_exporter_of(request))
    return Response(page.body, page.status, media_type=page.content_type)


def _exporter_of(request: Request) -> MetricsExporter:
    """Return the exporter of this process, which caches its page."""
    state = request.app.state
    if not hasattr(state, "metrics_exporter"):
        state.metrics_exporter = MetricsExporter(state.runtime)
    exporter: MetricsExporter = state.metrics_exporter
    return exporter
