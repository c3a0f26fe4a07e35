"""Receives webhooks at /webhooks/NAME, which their signatures admit, and lists what was received."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from botticelli.http.access.doors import Admin, Reader
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.problem_answers import Problem
from botticelli.settings.sections.webhooks import WebhookKind
from botticelli.webhooks.delivery import Reply
from botticelli.webhooks.overview import find_webhook, list_webhooks
from botticelli.webhooks.receive import receive
from botticelli.webhooks.rejection_counts import RejectionCounts
from botticelli.webhooks.replies import Rejection
from botticelli.webhooks.trial import try_body
from botticelli.webhooks.webhook import Webhook

receiver = APIRouter(tags=["webhooks"])
router = APIRouter(route_class=CheckedRoute, tags=["webhooks"])
_TEXTS = {
    200: "A question of the sender was answered, or nothing is run for it.",
    202: "The delivery has its run, also when it came before.",
    204: "Accepted; Discord expects no body.",
    400: "The signature is right, and the body is malformed.",
    401: "The signature is missing or wrong, or the time is too far away.",
    404: "There is no such webhook.",
    413: "The body is larger than 1 MB.",
    422: "The narrative can't be performed with this body.",
    503: "Postgres is away; send it again.",
}


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class WebhookItem(_Shown):
    """A webhook of the settings. `problem` is what keeps it from being received here."""

    name: Annotated[str, Field(examples=["issue"])]
    verify: WebhookKind
    path: Annotated[str, Field(examples=["/webhooks/issue"])]
    narrative: str | None
    when: list[str]
    variables: list[str]
    tenant: str | None
    problem: str | None
    accepted: int
    ignored: int
    refused: int
    last_received_at: datetime | None


class WebhookDelivery(_Shown):
    """A verified delivery, and what it came to."""

    webhook: str
    delivery_id: str
    event: str
    outcome: Literal["accepted", "ignored", "refused"]
    run_id: str | None
    tenant: str | None
    error: str | None
    times: int
    received_at: datetime
    last_received_at: datetime


class WebhookList(_Shown):
    items: list[WebhookItem]


class WebhookDeliveries(_Shown):
    items: list[WebhookDelivery]


class WebhookTry(BaseModel):
    """A body to try on a webhook; `event` is that of a webhook of GitHub."""

    model_config = ConfigDict(extra="forbid")
    body: Annotated[dict[str, Any], Field(examples=[{"action": "opened"}])]
    event: Annotated[str, Field(max_length=200, examples=["issues"])] = ""


class WebhookTrial(_Shown):
    """Says what a delivery with this body would come to."""

    outcome: Literal["accepted", "ignored", "answered"]
    narrative: str | None
    event: str
    variables: dict[str, str]


@receiver.post(
    "/webhooks/{name}", status_code=202, responses={code: {"description": text} for code, text in _TEXTS.items()}
)
async def receive_webhook(name: str, request: Request) -> Response:
    """Receive a webhook. Its signature is checked over the bytes as they arrived; a delivery starts one run."""
    webhook = request.app.state.webhooks.get(name)
    if webhook is None:
        raise Problem(404, "", "there is no such webhook")
    raw = await request.body()
    answer = await run_in_threadpool(_received, request, webhook, raw)
    if isinstance(answer, Rejection):
        raise Problem(answer.status, "", answer.reason)
    if answer.body is None:
        return Response(status_code=answer.status)
    return JSONResponse(answer.body, answer.status)


def _received(request: Request, webhook: Webhook, raw: bytes) -> Reply | Rejection:
    """Receive a webhook in a thread, and count it if it is rejected."""
    answer = receive(request.app.state.runtime, webhook, request.headers, raw)
    counts: RejectionCounts = request.app.state.webhook_rejections
    if isinstance(answer, Rejection) and answer.kind is not None:
        counts.add(webhook.name, answer.kind)
    counts.write()
    return answer


@router.get("/v1/webhooks")
def list_all(door: Reader) -> WebhookList:
    """List the webhooks of the settings, with what keeps each from being received."""
    door.require_no_tenant()
    return WebhookList.model_validate({"items": list_webhooks(door.runtime)})


@router.get("/v1/webhooks/deliveries")
def list_deliveries(
    door: Reader,
    name: Annotated[str | None, Query(max_length=64)] = None,
    outcome: Literal["accepted", "ignored", "refused"] | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> WebhookDeliveries:
    """List verified deliveries, newest first, with the run that each has started, or why it was refused."""
    door.require_no_tenant()
    with door.runtime.store.transaction() as tx:
        rows = tx.webhooks.recent(webhook=name, outcome=outcome, limit=limit)
    return WebhookDeliveries.model_validate({"items": rows})


@router.post("/v1/webhooks/{name}:test")
def test_webhook(door: Admin, name: str, given: WebhookTry) -> WebhookTrial:
    """Say what a delivery with this body would run. Starts nothing."""
    door.require_no_tenant()
    trial = try_body(find_webhook(door.runtime, name), json.dumps(given.body).encode(), given.event)
    return WebhookTrial.model_validate(trial)
