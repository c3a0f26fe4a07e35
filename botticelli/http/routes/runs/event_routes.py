"""Streams the events of one run, or of many in one stream."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from botticelli.http.access.doors import Door, Reader
from botticelli.http.routes.runs.list_routes import RunId
from botticelli.http.streams.event_hub import EventHub
from botticelli.http.streams.event_stream import EventStream
from botticelli.http.streams.subscription import Subscription
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.problem_answers import Problem

router = APIRouter(route_class=CheckedRoute, tags=["events"])
MOST_RUNS = 100
OVERLAP_IDS = 5_000_000
"""Ids, which are microseconds, by which a stream of several runs begins earlier: their events are not in one order."""
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events, with the data of `botticelli run --json`; `event: end` is the last.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
Since = Annotated[int, Query(ge=0, lt=2**63, description="Only events after the one with this id.")]
LastEventId = Annotated[str | None, Header(pattern=r"^[0-9]{1,18}$", description="The same, as browsers send it.")]


@router.get("/v1/runs/{run_id}/events", response_class=StreamingResponse, responses=STREAM)
async def stream_run(
    run_id: RunId, door: Reader, request: Request, since: Since = 0, last_event_id: LastEventId = None
) -> EventStream:
    """Stream the events of a run until it ends: those that are past, then each as it happens."""
    return await _stream(door, request, [run_id], int(last_event_id or since))


@router.get("/v1/events", response_class=StreamingResponse, responses=STREAM)
async def stream_runs(
    door: Reader,
    request: Request,
    run: Annotated[list[str], Query(min_length=1, max_length=MOST_RUNS, description="The runs; repeatable.")],
    since: Since = 0,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Stream the events of several runs; goes on when they have ended. A repeated event has the same id."""
    begin = max(0, int(last_event_id or since) - OVERLAP_IDS)
    return await _stream(door, request, run, begin, is_endless=True)


async def _stream(
    door: Door, request: Request, run_ids: list[str], since: int, *, is_endless: bool = False
) -> EventStream:
    hub: EventHub = request.app.state.events
    if hub.count >= door.whole.settings.http.max_streams:
        raise Problem(
            503, "Too many streams", "this server has no room for another stream", headers={"Retry-After": "5"}
        )
    runs = await run_in_threadpool(_resolved, door, run_ids)
    subscription = Subscription(runs, since, token_id=door.identity.token_id, is_endless=is_endless)
    hub.subscribe(subscription)
    return EventStream(hub, subscription)


def _resolved(door: Door, run_ids: list[str]) -> list[str]:
    """Return the full ids of runs that this door may see. NotFound."""
    with door.runtime.store.transaction() as tx:
        return list(dict.fromkeys(tx.runs.resolve(run_id) for run_id in run_ids))
