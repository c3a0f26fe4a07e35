"""The list of runs, with its filters in the address, and actions on all runs that match them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from botticelli.errors import BotticelliError, InvalidInput
from botticelli.http.access.doors import Controller, Door, Reader
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.rendering import notice, page, part
from botticelli.http.console.views.run_queries import ACTIONS, DONE, MAX_BULK, PAGE, RunQuery, can, read_query
from botticelli.statuses import RUN_STATUSES
from botticelli.store import Run

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Statuses = Annotated[list[str], Query(alias="status")]
STREAMED_RUNS = 20


@router.get("/runs")
def list_runs(request: Request, door: Reader, statuses: Statuses = []) -> Response:  # noqa: B006
    """Show the newest runs that match."""
    query = read_query(statuses, request.query_params)
    with door.runtime.store.transaction() as tx:
        runs = tx.runs.recent(query.filter(PAGE + 1))
    shown = runs[:PAGE]
    older = query.address(before=shown[-1].created_at.isoformat()) if len(runs) > PAGE else ""
    return page(
        request,
        door,
        "pages/runs.html",
        section="runs",
        runs=shown,
        query=query,
        statuses=RUN_STATUSES,
        older=older,
        actions=[action for action in ACTIONS if any(can(action, run) for run in shown)],
        streamed=[run.id for run in shown if not run.is_final][:STREAMED_RUNS],
    )


@router.get("/runs/actions/{action}")
def confirm_action(request: Request, action: str, door: Controller, statuses: Statuses = []) -> Response:  # noqa: B006
    """Say how many runs an action would change, and ask."""
    query = read_query(statuses, request.query_params)
    runs = _matching(door, action, query)
    return part(
        "parts/bulk.html", is_preview=True, action=action, query=query, count=len(runs), is_capped=len(runs) == MAX_BULK
    )


@router.post("/runs/actions/{action}")
def act_on_all(request: Request, action: str, door: Controller, fields: Fields, statuses: Statuses = []) -> Response:  # noqa: B006
    """Do it, if as many runs match as were confirmed."""
    runs = _matching(door, action, read_query(statuses, request.query_params))
    confirmed = fields.get("count", "")
    if str(len(runs)) != confirmed:
        what = f"{len(runs):,} runs match now, and {confirmed or 'none'} were confirmed; nothing was changed"
        raise InvalidInput(what, do="look at the list and confirm again")
    changed, faults = _each(door, action, runs, fields)
    tail = f"; {len(faults)} could not be: {faults[0]}" if faults else ""
    return notice(f"{changed:,} {'run' if changed == 1 else 'runs'} {DONE[action]}{tail}.")


def act_on(door: Door, action: str, run_id: str, fields: Mapping[str, str]) -> str:
    """Do one action on one run; return its new status."""
    reason, now = fields.get("reason", ""), fields.get("now") == "yes"
    match action:
        case "pause":
            return door.client.pause(run_id, now=now, reason=reason)
        case "resume":
            return door.client.resume(run_id, reason=reason)
        case "cancel":
            return door.client.cancel(run_id, now=now, reason=reason)
        case "retry":
            return door.client.retry(run_id, reason=reason)
    raise InvalidInput(f"there is no action {action[:40]!r}", do=f"actions: {', '.join(ACTIONS)}")


def _matching(door: Door, action: str, query: RunQuery) -> list[Run]:
    if action not in ACTIONS:
        raise InvalidInput(f"there is no action {action[:40]!r}", do=f"actions: {', '.join(ACTIONS)}")
    with door.runtime.store.transaction() as tx:
        runs = tx.runs.recent(query.filter(MAX_BULK))
    return [run for run in runs if can(action, run)]


def _each(door: Door, action: str, runs: list[Run], fields: Mapping[str, str]) -> tuple[int, list[str]]:
    """Act on each run on its own, so that one that can't be changed keeps no other."""
    changed, faults = 0, []
    for run in runs:
        try:
            act_on(door, action, run.id, {"reason": fields.get("reason", "")})
            changed += 1
        except BotticelliError as error:
            faults.append(str(error))
    return changed, faults
