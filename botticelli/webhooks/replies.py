"""Answers the sender of a webhook in the form that it expects. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botticelli.settings.sections.webhooks import WebhookKind
from botticelli.store.webhooks.received import WebhookOutcome
from botticelli.webhooks.delivery import Delivery, Reply

EPHEMERAL = 64
"""Flag of a message of Discord that only the one sees who pressed or typed."""
CHANNEL_MESSAGE, UPDATE_MESSAGE, MODAL = 4, 7, 9
"""Types of answers to an interaction. Source: Discord's documentation, "Interaction callback type"."""


RejectionKind = Literal["forged", "outdated", "malformed", "too_large"]
"""Outcomes of requests that are no deliveries, and of which no row is kept."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A webhook that is not accepted: the status of HTTP, and why. `kind` None: it was verified, and has its row."""

    status: int
    reason: str
    kind: RejectionKind | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """The outcome of a delivery. `run_id` is its run, `is_new` whether it has just been started, `error` why not."""

    outcome: WebhookOutcome
    delivery: Delivery
    run_id: str | None = None
    is_new: bool = False
    error: str | None = None


def reply_of(kind: WebhookKind, received: Received) -> Reply | Rejection:
    """Return the answer: 202 for a run, 200 for what is passed by, 422 for what can't be performed; Discord has its own."""
    if kind == "discord":
        return _to_discord(received)
    if received.outcome == "refused":
        return Rejection(
            422, "the narrative can't be performed; its operator sees why in `botticelli webhooks deliveries`"
        )
    if received.outcome == "ignored":
        return Reply(200, {"outcome": "ignored", "delivery": received.delivery.id})
    body = {
        "outcome": "accepted",
        "delivery": received.delivery.id,
        "run_id": received.run_id,
        "is_new": received.is_new,
    }
    is_command = kind == "slack" and "command" in received.delivery.body
    return Reply(200, {"response_type": "ephemeral", "text": _words(received)}) if is_command else Reply(202, body)


def _to_discord(received: Received) -> Reply | Rejection:
    """Return 204 for an event, and a message for a command, whose author waits for one."""
    if "event" not in received.delivery.body:
        return Reply(200, private_message(_words(received)))
    if received.outcome == "refused":
        return Rejection(422, "the narrative can't be performed")
    return Reply(204)


def private_message(text: str) -> Mapping[str, Any]:
    """Return an answer to an interaction that only its author sees."""
    data = {"content": text[:2000], "flags": EPHEMERAL, "allowed_mentions": {"parse": []}}
    return {"type": CHANNEL_MESSAGE, "data": data}


def _words(received: Received) -> str:
    match received.outcome:
        case "accepted":
            return f"Run {received.run_id} has been started."
        case "ignored":
            return "Nothing is run for this."
        case "refused":
            return "This can't be performed; the operator sees why in `botticelli webhooks deliveries`."
