"""Tries a body on a webhook: what would it run, with which variables? Starts and records nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from botticelli.errors import InvalidInput
from botticelli.webhooks.delivery import Malformed, handshake, read_body, read_delivery
from botticelli.webhooks.mapping import NotThere
from botticelli.webhooks.signatures import Incoming
from botticelli.webhooks.webhook import Webhook

TRIED_ID = "tried"


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome that a delivery with this body would have. `variables` are those of its run."""

    outcome: Literal["accepted", "ignored", "answered"]
    narrative: str | None = None
    event: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


def try_body(webhook: Webhook, raw: bytes, event: str = "") -> Trial:
    """Return what a delivery with this body and this event would come to. Raises InvalidInput for what is refused."""
    kind = webhook.settings.verify
    named = {"x-github-event": event, "x-github-delivery": TRIED_ID, "webhook-id": TRIED_ID}
    incoming = Incoming(named, raw, time.time())
    try:
        body = read_body(kind, incoming)
        if handshake(kind, incoming, body) is not None:
            return Trial("answered")
        delivery = read_delivery(kind, incoming, body)
        if webhook.settings.narrative is None or not webhook.mapping.matches(delivery):
            return Trial("ignored", event=delivery.event)
        variables = webhook.mapping.filled(delivery)
    except (Malformed, NotThere) as error:
        raise InvalidInput(str(error), where=f"webhook {webhook.name}") from None
    return Trial("accepted", webhook.settings.narrative, delivery.event, variables)
