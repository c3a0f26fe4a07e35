"""Pauses, resumes, cancels, retries, forks and prunes runs; each action is recorded with its author and reason."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from botticelli.carousel import Fork, cancel, fork, pause, prune, resume, retry
from botticelli.http.access.doors import Admin, Controller, Enqueuer
from botticelli.http.access.idempotency import Once
from botticelli.http.routes.runs.enqueue_routes import Enqueued, accepted
from botticelli.http.routes.runs.list_routes import MOST_NUMBER, RunId, full_id, without_hidden
from botticelli.http.routes.runs.run_views import PrunedView, RunView
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.moments import Moment
from botticelli.http.wire.views import Body, shown
from botticelli.statuses import FINAL, FinalStatus
from botticelli.store import Run

router = APIRouter(route_class=CheckedRoute, tags=["runs"])
Reason = Annotated[
    str, Field(max_length=2000, description="Recorded with the action.", examples=["the prompt is wrong"])
]


class Action(Body):
    """Why something is done."""

    reason: Reason = ""


class ActionNow(Action):
    """Why, and whether running iterations stop before their next call."""

    now: bool = False


class ForkBody(Action):
    """Where a fork begins, and what it changes."""

    number: Annotated[int, Field(ge=1, le=MOST_NUMBER, description="The first iteration to perform.", examples=[2])]
    act: Annotated[str | None, Field(max_length=300, description="Keep the acts before this one.")] = None
    changes: Annotated[
        dict[str, str], Field(description="`ACT.KEY`: text", examples=[{"review.model": "echo/echo"}])
    ] = {}
    allow_effects: Annotated[bool, Field(description="Perform effects of bot commands again.")] = False


class PruneBody(Body):
    """Which runs are deleted."""

    before: Annotated[Moment, Field(description="They ended before then.", examples=["2026-01-31T00:00:00Z"])]
    statuses: Annotated[list[FinalStatus], Field(min_length=1)] = list(FINAL)
    dry_run: bool = False
    vacuum: Annotated[
        bool, Field(description="Give the space back to the disk; takes minutes after millions of rows.")
    ] = False


@router.post("/v1/runs/{run_id}:pause", response_model=RunView)
def pause_run(run_id: RunId, door: Controller, body: ActionNow | None = None) -> Any:
    """Pause a run: no further iteration starts. A run that is over stays as it is."""
    body = body or ActionNow()
    return _shown(pause(door.runtime, full_id(door, run_id), door.actor(body.reason), now=body.now))


@router.post("/v1/runs/{run_id}:cancel", response_model=RunView)
def cancel_run(run_id: RunId, door: Controller, body: ActionNow | None = None) -> Any:
    """Cancel a run: iterations in progress stop at their next call. `resume` undoes it."""
    body = body or ActionNow()
    return _shown(cancel(door.runtime, full_id(door, run_id), door.actor(body.reason), now=body.now))


@router.post("/v1/runs/{run_id}:resume", response_model=RunView)
def resume_run(run_id: RunId, door: Controller, body: Action | None = None) -> Any:
    """Resume a run that is paused or ended before it was complete. Finished iterations are kept."""
    return _shown(resume(door.runtime, full_id(door, run_id), door.actor((body or Action()).reason)))


@router.post("/v1/runs/{run_id}:retry", response_model=RunView)
def retry_run(run_id: RunId, door: Controller, body: Action | None = None) -> Any:
    """Perform the failed iterations of a run again. A run without failures stays as it is."""
    return _shown(retry(door.runtime, full_id(door, run_id), door.actor((body or Action()).reason)))


@router.post("/v1/runs/{run_id}:fork", status_code=202, response_model=Enqueued)
def fork_run(run_id: RunId, door: Enqueuer, body: ForkBody, once: Once, response: Response) -> Any:
    """Start a new run from an iteration of an older one; what it keeps is not paid again."""

    def answer() -> Any:
        request = Fork(body.number, body.act, body.changes, body.allow_effects, once.key_of(door))
        forked = fork(door.runtime, full_id(door, run_id), request, door.actor(body.reason))
        return accepted(forked.run, forked.warnings)

    return once.perform(door, body, answer, response)


@router.post("/v1/runs:prune", response_model=PrunedView)
def prune_runs(door: Admin, body: PruneBody) -> Any:
    """Delete runs that ended before a time, with all their data but the ledger's."""
    pruned = prune(door.runtime, body.before, body.statuses, dry_run=body.dry_run, vacuum=body.vacuum)
    return {**shown(pruned), "dry_run": body.dry_run}


def _shown(run: Run) -> dict[str, Any]:
    return without_hidden(shown(run))
