"""Reads a verified webhook: its body, its event, and what identifies it, by the form of its sender. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from botticelli.settings.sections.webhooks import WebhookKind
from botticelli.webhooks.signatures import Incoming

MAX_ID_CHARACTERS = 200
MAX_DEPTH = 64
HIDDEN: Mapping[WebhookKind, tuple[str, ...]] = {"discord": ("token",), "slack": ("token",)}
"""Fields at the top of a body that are a credential: of an interaction, and Slack's old one. They are left out."""
FORM = "application/x-www-form-urlencoded"
_TEST_EVENT = re.compile(r"evt_(test_)?0+")
PING, EVENT_PING = 1, 0


class Malformed(Exception):
    """A body that its sender would not send, though its signature is right."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery. `id` is what its sender calls it; `key` identifies it by what is signed, so that nobody can make it two."""

    id: str
    key: str
    event: str
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in the form of the sender; `body` is JSON, or None for none."""

    status: int
    body: Any = None


def read_body(kind: WebhookKind, incoming: Incoming) -> dict[str, Any]:
    """Return the body as a JSON object. Raises Malformed."""
    content_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "slack" and content_type == FORM:
        return _form(incoming.raw)
    if kind == "github" and content_type == FORM:
        raise Malformed("the body is a form; choose the content type application/json in the webhook's settings")
    return _json_object(incoming.raw)


def handshake(kind: WebhookKind, incoming: Incoming, body: Mapping[str, Any]) -> Reply | None:
    """Answer what a sender asks to see whether somebody is there; None for an ordinary delivery."""
    match kind:
        case "github" if incoming.headers.get("x-github-event") == "ping":
            return Reply(200, {"pong": True})
        case "slack" if body.get("type") == "url_verification" and isinstance(body.get("challenge"), str):
            return Reply(200, {"challenge": body["challenge"]})
        case "stripe" if _TEST_EVENT.fullmatch(str(body.get("id"))):
            return Reply(200, {"test": True})
        case "discord" if body.get("type") == EVENT_PING:
            return Reply(204)
        case "discord" if body.get("type") == PING and "event" not in body:
            return Reply(200, {"type": PING})
        case _:
            return None


def read_delivery(kind: WebhookKind, incoming: Incoming, body: dict[str, Any]) -> Delivery:
    """Return what identifies a delivery, its event and its body without credentials. Raises Malformed."""
    hidden = HIDDEN.get(kind, ())
    shown = {name: value for name, value in body.items() if name not in hidden}
    identity, key, event = _identity(kind, incoming, body)
    if len(identity) > MAX_ID_CHARACTERS or not identity.isprintable():
        raise Malformed("the id of the delivery is not a name")
    return Delivery(identity, key, event[:MAX_ID_CHARACTERS], shown)


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse)
    except RecursionError:
        raise Malformed("the body is nested too deep") from None
    except ValueError:
        raise Malformed("the body is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _inside(item)]
    if level:
        raise Malformed("the body is nested too deep")
    return value


def _inside(value: Any) -> list[Any]:
    return [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _form(raw: bytes) -> dict[str, Any]:
    """Read a form of Slack: a command, or an interaction whose `payload` is JSON."""
    try:
        fields: dict[str, Any] = dict(parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise Malformed("the body is not a form in UTF-8") from None
    return _json_object(fields["payload"].encode("utf-8", "replace")) if "payload" in fields else fields


def _identity(kind: WebhookKind, incoming: Incoming, body: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return id, key and event. GitHub signs no id: a copy of a body under another id must be the same delivery."""
    match kind:
        case "standard":
            identity, event = incoming.headers["webhook-id"], body.get("type")
        case "github":
            identity, event = incoming.headers.get("x-github-delivery") or "", incoming.headers.get("x-github-event")
            if not identity:
                raise Malformed("the webhook has no header x-github-delivery")
            return identity, sha256(incoming.raw).hexdigest(), _word(event)
        case "stripe":
            identity, event = _required(body, "id"), body.get("type")
        case "slack":
            inner = body.get("event")
            is_event = isinstance(inner, dict)
            identity = _required(body, "event_id" if is_event else "trigger_id")
            event = inner.get("type") if isinstance(inner, dict) else body.get("command") or body.get("type")
        case "discord":
            return _of_discord(body)
    return identity, identity, _word(event)


def _of_discord(body: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return id, key and event of an interaction, or of an event, which has no id of its own."""
    event = body.get("event")
    if isinstance(event, dict):
        key = sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
        return key[:32], key, _word(event.get("type"))
    identity, data = _required(body, "id"), body.get("data")
    return identity, identity, _word(data.get("name") if isinstance(data, dict) else None)


def _required(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"the body has no {name}")
    return value


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
