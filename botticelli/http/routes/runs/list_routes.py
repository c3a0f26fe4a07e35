"""Lists and shows runs, with their iterations, acts, rows and the reason for their state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from botticelli.errors import NotFound
from botticelli.http.access.doors import Door, Reader
from botticelli.http.routes.runs.run_views import (
    RUN_HIDDEN,
    ActPage,
    DiagnosisView,
    EventList,
    IterationPage,
    RowPage,
    RunDetails,
    RunPage,
)
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.cursors import decoded
from botticelli.http.wire.moments import Moment
from botticelli.http.wire.views import Cursor, Limit, page, shown
from botticelli.monitoring.progress import read_progress
from botticelli.monitoring.row_lines import Line, row_lines, run_with_rows
from botticelli.monitoring.run_summary import run_summary
from botticelli.monitoring.watch import Watcher
from botticelli.statuses import RunStatus
from botticelli.store import RunFilter

router = APIRouter(route_class=CheckedRoute, tags=["runs"])
RunId = Annotated[str, Path(max_length=300, description="The run's id, a unique prefix of it, or `latest`.")]
MOST_NUMBER = 2**31 - 1
RowStatus = Literal["pending", "queued", "running", "succeeded", "failed", "cancelled", "bad"]


def full_id(door: Door, run_id: str) -> str:
    """Return the full id of a run. NotFound."""
    with door.runtime.store.transaction() as tx:
        return tx.runs.resolve(run_id)


@router.get("/v1/runs", response_model=RunPage)
def list_runs(
    door: Reader,
    *,
    status: Annotated[Sequence[RunStatus], Query(description="Only runs with one of these statuses.")] = (),
    narrative: Annotated[str | None, Query(max_length=300)] = None,
    since: Annotated[Moment | None, Query(description="Only runs that were enqueued since then.")] = None,
    until: Annotated[Moment | None, Query(description="Only runs that were enqueued before then.")] = None,
    guild: Annotated[str | None, Query(max_length=100)] = None,
    tag: Annotated[str | None, Query(max_length=300)] = None,
    text: Annotated[str | None, Query(max_length=300, description="Text in narrative, source or reason.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List runs, newest first. A run must match all filters."""
    before = tuple(decoded(cursor, datetime, str)) if cursor else None
    chosen = RunFilter(
        statuses=status,
        narrative=narrative,
        since=since,
        until=until,
        guild=guild,
        tag=tag,
        text=text,
        before=before,
        limit=limit + 1,
    )
    with door.runtime.store.transaction() as tx:
        runs = tx.runs.recent(chosen)
    answer = page(runs, limit, lambda run: [run.created_at, run.id])
    return answer | {"items": [without_hidden(item) for item in answer["items"]]}


@router.get("/v1/runs/{run_id}", response_model=RunDetails)
def show_run(run_id: RunId, door: Reader) -> Any:
    """Show a run as it stands, with its options, its ledger and the actions on it."""
    summary = run_summary(door.runtime.store, full_id(door, run_id))
    progress = shown(read_progress(door.runtime, summary.run.id))
    return {**shown(summary), "progress": progress, "run": without_hidden(shown(summary.run))}


@router.get("/v1/runs/{run_id}/iterations", response_model=IterationPage)
def list_iterations(run_id: RunId, door: Reader, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """List the iterations that were admitted, by number."""
    after = decoded(cursor, int)[0] if cursor else 0
    with door.runtime.store.transaction() as tx:
        rows = tx.iterations.of_run(tx.runs.resolve(run_id), after=after, limit=limit + 1)
    return page(rows, limit, lambda iteration: [iteration.number])


@router.get("/v1/runs/{run_id}/acts", response_model=ActPage)
def list_acts(
    run_id: RunId,
    door: Reader,
    iteration: Annotated[int, Query(ge=1, le=MOST_NUMBER, description="The iteration whose acts are listed.")],
) -> Any:
    """List the acts of an iteration in order, with prompts and outputs, and the answers that were not accepted."""
    with door.runtime.store.transaction() as tx:
        resolved = tx.runs.resolve(run_id)
        rows = tx.acts.of_numbers(resolved, [iteration], rejected=True)
        if not rows and not tx.iterations.of_run(resolved, after=iteration - 1, limit=1):
            raise NotFound(f"run {resolved} has no iteration {iteration}", do="count from 1")
    items = [{name: value for name, value in shown(row).items() if name != "fencing_token"} for row in rows]
    return {"items": items, "next": None}


@router.get("/v1/runs/{run_id}/rows", response_model=RowPage)
def list_rows(
    run_id: RunId,
    door: Reader,
    *,
    status: Annotated[Sequence[RowStatus], Query(description="Only rows with one of these statuses.")] = (),
    key: Annotated[str | None, Query(max_length=2000, description="Only the row with this key.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List the rows that a run goes through, in order, then those that were left out as bad."""
    after, after_bad = decoded(cursor, int, int) if cursor else (0, 0)
    with door.runtime.store.transaction() as tx:
        run = run_with_rows(tx.runs.get(tx.runs.resolve(run_id)))
    lines = row_lines(door.runtime.store, run, status, key, after=after, after_bad=after_bad)

    def position(line: Line) -> list[int]:
        return [MOST_NUMBER, line["line"]] if line["row"] is None else [line["row"], 0]

    return page(list(islice(lines, limit + 1)), limit, position)


@router.get("/v1/runs/{run_id}/log", response_model=EventList)
def list_events(
    run_id: RunId,
    door: Reader,
    *,
    iteration: Annotated[int | None, Query(ge=1, le=MOST_NUMBER)] = None,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> Any:
    """List the events of a run so far, without prompts and outputs. `/events` follows them."""
    since = decoded(cursor, int)[0] if cursor else 0
    resolved = full_id(door, run_id)
    with door.runtime.store.transaction() as tx:
        events = Watcher(resolved, door.runtime.events, since).look(tx).events
    chosen = [event for event in events if iteration in (None, event.data.get("number"))]
    answer = page(chosen[: limit + 1], limit, lambda event: [event.id])
    hidden = ("output", "text")
    items = [{name: value for name, value in event.as_json().items() if name not in hidden} for event in chosen[:limit]]
    return {"items": shown(items), "next": answer["next"]}


@router.get("/v1/runs/{run_id}/why", response_model=DiagnosisView)
def diagnose_run(run_id: RunId, door: Reader) -> Any:
    """Explain why a run is in its present state: what it waits for, until when, and who paused it."""
    diagnosis = door.client.diagnose(full_id(door, run_id))
    return {**shown(diagnosis), "line": diagnosis.line}


def without_hidden(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run as JSON without what concerns the engine only."""
    return {name: value for name, value in run.items() if name not in RUN_HIDDEN}
