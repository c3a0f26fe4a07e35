"""Receives one webhook: verifies, reads, and starts its run once. Raises only what an absent server raises."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from botticelli.carousel.checks.run_options import checked_run_options
from botticelli.carousel.enqueuing.enqueue import EnqueueRequest
from botticelli.carousel.enqueuing.from_wire import enqueue_named
from botticelli.errors import InvalidInput, WebhookOutdated, WebhookRejected
from botticelli.messages import run_id_for
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from botticelli.webhooks.delivery import Delivery, Malformed, Reply, handshake, read_body, read_delivery
from botticelli.webhooks.interactions import answer_component, is_component
from botticelli.webhooks.mapping import NotThere
from botticelli.webhooks.replies import Received, Rejection, reply_of
from botticelli.webhooks.signatures import Incoming, verify
from botticelli.webhooks.webhook import Webhook

TIMED_DAYS, UNTIMED_DAYS = 35, 400
"""How long a delivery is remembered; longer where a copy is not told by its age."""
UNTIMED = ("github",)


def receive(
    runtime: Runtime, webhook: Webhook, headers: Mapping[str, str], raw: bytes, *, now: float | None = None
) -> Reply | Rejection:
    """Take a webhook as it arrived, and return the answer to its sender. `now` replaces this machine's clock."""
    lower = {name.lower(): value for name, value in headers.items()}
    incoming = Incoming(lower, raw, time.time() if now is None else now)
    kind = webhook.settings.verify
    try:
        verify(kind, incoming, webhook.current_secrets())
        body = read_body(kind, incoming)
        answered = handshake(kind, incoming, body)
        if answered is not None:
            log("webhook_answered", webhook=webhook.name)
            return answered
        if kind == "discord" and is_component(body):
            return answer_component(runtime, body)
        delivery = read_delivery(kind, incoming, body)
    except WebhookRejected as error:
        log("webhook_rejected", level=logging.WARNING, webhook=webhook.name, reason=error.what)
        return Rejection(401, error.what, "outdated" if isinstance(error, WebhookOutdated) else "forged")
    except Malformed as error:
        log("webhook_malformed", level=logging.WARNING, webhook=webhook.name, reason=str(error))
        return Rejection(400, str(error), "malformed")
    received = accept_delivery(runtime, webhook, delivery)
    log("webhook_received", webhook=webhook.name, outcome=received.outcome, run=received.run_id)
    return reply_of(kind, received)


def accept_delivery(runtime: Runtime, webhook: Webhook, delivery: Delivery) -> Received:
    """Start the run of a delivery, or find that it was started, that it is not wanted, or that it can't be performed."""
    run_id = run_id_for(f"webhook {webhook.name} {delivery.key}")
    if _was_started(runtime, webhook, delivery, run_id):
        received = Received("accepted", delivery, run_id)
    elif webhook.settings.narrative is None or not webhook.mapping.matches(delivery):
        received = Received("ignored", delivery)
    else:
        received = _start(runtime, webhook, delivery, run_id)
    reach("webhook_run_stored")
    with runtime.store.transaction() as tx:
        tx.webhooks.record(
            webhook.name,
            received.outcome,
            days=UNTIMED_DAYS if webhook.settings.verify in UNTIMED else TIMED_DAYS,
            key=delivery.key,
            delivery_id=delivery.id,
            event=delivery.event,
            run_id=received.run_id,
            tenant=webhook.settings.tenant,
            error=received.error,
        )
    return received


def _was_started(runtime: Runtime, webhook: Webhook, delivery: Delivery, run_id: str) -> bool:
    """Whether the delivery has a run, also one that was stored when nobody could record it any more, or was pruned."""
    with runtime.store.transaction() as tx:
        return tx.webhooks.run_of(webhook.name, delivery.key) is not None or bool(tx.runs.narrative_name(run_id))


def _start(runtime: Runtime, webhook: Webhook, delivery: Delivery, run_id: str) -> Received:
    settings = webhook.settings
    try:
        options = EnqueueRequest(
            variables=webhook.mapping.filled(delivery),
            run_id=run_id,
            tags=settings.tags,
            run_options=checked_run_options(tenant=settings.tenant),
        )
        enqueue_named(runtime, options, narrative=settings.narrative, text=None, name=None)
    except SERVER_ERRORS:
        raise
    except NotThere as error:
        return Received("refused", delivery, error=str(error))
    except InvalidInput as error:
        if _was_started(runtime, webhook, delivery, run_id):
            return Received("accepted", delivery, run_id)
        return Received("refused", delivery, error=str(error))
    return Received("accepted", delivery, run_id, is_new=True)
