"""Exports a run as a table: a line for each row, or for each iteration, while it is read from Postgres page by page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from botticelli.http.access.doors import Reader
from botticelli.http.routes.runs.list_routes import RunId, full_id
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.monitoring.export.run_export import RunExport, run_export
from botticelli.monitoring.export.table_files import CsvTable, JsonLines

router = APIRouter(route_class=CheckedRoute, tags=["runs"])
PAGE = 500
Kind = Literal["jsonl", "csv"]
MEDIA_TYPES: dict[Kind, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The lines of the export.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}},
    }
}


@router.get("/v1/runs/{run_id}/outputs", response_class=StreamingResponse, responses=FILE)
def export_run(
    run_id: RunId,
    door: Reader,
    *,
    format: Kind = "jsonl",
    columns: Annotated[
        str | None, Query(max_length=5000, description="Names with commas: key, row.NAME, act.NAME.output, status, ...")
    ] = None,
    succeeded: Annotated[bool, Query(description="Only rows that have succeeded.")] = False,
) -> StreamingResponse:
    """Export the rows of a run with their results, or the iterations of a run without rows."""
    planned = run_export(door.runtime.store, full_id(door, run_id), columns, succeeded=succeeded)
    return StreamingResponse(_pieces(planned, format), media_type=MEDIA_TYPES[format])


def _pieces(planned: RunExport, kind: Kind) -> Iterator[str]:
    """Yield the text of each page. No transaction is open while a reader is slow."""
    buffer = io.StringIO(newline="")
    table = (CsvTable if kind == "csv" else JsonLines)(buffer, planned.names)
    values = planned.values()
    while True:
        page = list(islice(values, PAGE))
        if page:
            table.write(page)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        if not page:
            return
