"""Judges queue entries before Celery sees them: each becomes a plain message for a task of ours, or is refused.

Whoever can write to Redis can put anything there, and Celery and kombu trust most of what they read: a wrong shape ends
the worker, an odd `chain` keeps its slot for ever. Only fields named here are passed on.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kombu.message import Message

from botticelli.messages import (
    ENQUEUE,
    MAX_ENTRY_BYTES,
    PROBE,
    QUEUE,
    RUN_ITERATION,
    TASK_PREFIX,
    WIRE_HEADER,
    WIRE_VERSION,
    Publication,
)

MAX_DEPTH = 32
MAX_VALUES = 100_000
"""Counted by their opening and separating marks before parsing, since building a million lists takes seconds."""
MAX_NAME_CHARACTERS = 255
MAX_SHOWN_CHARACTERS = 300
MAX_PRIORITY = 9
MAX_WIRE_VERSION = 2**31
UNREADABLE = (ValueError, RecursionError, MemoryError)
"""Exceptions that the JSON parser raises, whatever its input."""
ENCODINGS = ("utf-8", "utf8", "us-ascii", "ascii")
POSITIONAL: Mapping[str, tuple[str, ...]] = {
    ENQUEUE: ("narrative",),
    RUN_ITERATION: ("run_id", "number"),
    PROBE: ("queue",),
}
"""Names of each task's positional arguments."""
MARKED = {"__type__", "__value__"}
"""The keys with which kombu writes values that JSON has no type for."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that will not be performed. `reason` quotes nothing of its content."""

    reason: str


class _Unfit(Exception):
    """Carries the reason of a refusal."""


def admit(entry: bytes | str, queue: str) -> dict[str, Any] | Refused:
    """Turn an entry of `queue` into a message for Celery, or refuse it. Takes well under a second for any entry."""
    try:
        return _message(entry, queue)
    except _Unfit as unfit:
        return Refused(str(unfit))


def message_without_queue(publication: Publication) -> Message:
    """Build the message of an iteration that goes through no queue, with the fields that `admit` would pass on."""
    task_id = publication.task_id
    properties = _properties({}, task_id, QUEUE)
    headers = {"kwargsrepr": publication.description, WIRE_HEADER: WIRE_VERSION}
    return Message(  # type: ignore[no-untyped-call]
        body=json.dumps([[], publication.arguments, None]),
        content_type="application/json",
        content_encoding="utf-8",
        delivery_info=properties["delivery_info"],
        delivery_tag=properties["delivery_tag"],
        headers=_headers(headers, RUN_ITERATION, task_id),
        properties=properties,
    )


def read_entry(entry: object) -> dict[str, Any] | None:
    """Read an entry for inspection only; None when it is unreadable or not a JSON object."""
    if not isinstance(entry, bytes | str) or len(entry) > MAX_ENTRY_BYTES:
        return None
    try:
        value = _parsed(entry)
    except UNREADABLE:
        return None
    return value if isinstance(value, dict) else None


def read_arguments(message: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    """Return the positional and the keyword arguments of a message; None when it has no readable ones."""
    try:
        args, kwargs, _, _ = _parts(message, _section(message, "properties"))
    except _Unfit:
        return None
    return args, kwargs


def _parsed(text: bytes | str) -> Any:
    encoded = text.encode("utf-8", "replace") if isinstance(text, str) else text
    marks = sum(encoded.count(mark) for mark in (b",", b"[", b"{"))
    if marks > MAX_VALUES:
        raise ValueError(marks)
    return json.loads(text)


def _message(entry: bytes | str, queue: str) -> dict[str, Any]:
    if len(entry) > MAX_ENTRY_BYTES:
        raise _Unfit(f"larger than {MAX_ENTRY_BYTES:,} bytes")
    message = read_entry(entry)
    if message is None:
        raise _Unfit("not a JSON object")
    headers, properties = _section(message, "headers"), _section(message, "properties")
    task, task_id = _name(headers, "task"), _name(headers, "id")
    if not task.startswith(TASK_PREFIX):
        raise _Unfit("not a task of Botticelli")
    _refuse_eta(headers)
    args, kwargs, embedded, body = _parts(message, properties)
    names = POSITIONAL.get(task, ())
    if len(args) > len(names) or not kwargs.keys().isdisjoint(names[: len(args)]):
        raise _Unfit("more arguments than the task takes")
    if embedded:
        body = base64.b64encode(json.dumps([args, kwargs, None]).encode()).decode()
    return {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": _headers(headers, task, task_id),
        "properties": _properties(properties, task_id, queue),
    }


def _headers(headers: Mapping[str, Any], task: str, task_id: str) -> dict[str, Any]:
    """Build the headers from the fields that Botticelli uses.

    Chain, chord, group, callback, stamp, time limit and other names are left out.
    """
    plain: dict[str, Any] = {
        "lang": "py",
        "task": task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "timelimit": [None, None],
        "eta": None,
        "expires": None,
        "shadow": None,
        "ignore_result": True,
        "argsrepr": "()",
        "kwargsrepr": _own_description(headers.get("kwargsrepr")),
        "origin": _short_text(headers.get("origin")),
        "redelivered": headers.get("redelivered") is True,
    }
    if WIRE_HEADER in headers:
        version = headers[WIRE_HEADER]
        is_number = isinstance(version, int) and not isinstance(version, bool) and abs(version) < MAX_WIRE_VERSION
        plain[WIRE_HEADER] = version if is_number else 0
    return plain


def _properties(properties: Mapping[str, Any], task_id: str, queue: str) -> dict[str, Any]:
    """Build the properties with a new tag: two messages with the same tag would be acknowledged together."""
    priority = properties.get("priority")
    has_priority = isinstance(priority, int) and not isinstance(priority, bool) and 0 <= priority <= MAX_PRIORITY
    return {
        "correlation_id": task_id,
        "reply_to": "",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": priority if has_priority else 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }


def _refuse_eta(headers: Mapping[str, Any]) -> None:
    """Refuse an ETA, for which a worker would hold the message and its place."""
    if headers.get("eta") is not None:
        raise _Unfit("an eta, which is not supported")
    expires = headers.get("expires")
    if expires is None:
        return
    try:
        moment = datetime.fromisoformat(expires)
    except (ValueError, TypeError):
        raise _Unfit("an invalid expiry time") from None
    if moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC):
        raise _Unfit("expired")


def _parts(message: Mapping[str, Any], properties: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any], bool, str]:
    """Return arguments, keyword arguments, whether there is more than that, and the body as base64."""
    if "compression" in _section(message, "headers"):
        raise _Unfit("compressed")
    if message.get("content-type") != "application/json":
        raise _Unfit("content type is not application/json")
    if str(message.get("content-encoding")).lower() not in ENCODINGS:
        raise _Unfit("encoding is not UTF-8")
    text, encoded = _body(message.get("body"), properties.get("body_encoding"))
    try:
        value = _parsed(text)
    except UNREADABLE:
        raise _Unfit("its body is not readable JSON") from None
    if not isinstance(value, list) or len(value) != 3:
        raise _Unfit("its body is not a list of arguments, keyword arguments and options")
    args, kwargs, options = value
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise _Unfit("its arguments are not a list and an object")
    _require_plain_json([args, kwargs])
    return args, kwargs, bool(options), encoded


def _body(body: object, encoding: object) -> tuple[str, str]:
    """Return the body as text and as base64."""
    if not isinstance(body, str):
        raise _Unfit("its body is not a string")
    try:
        if encoding == "base64":
            return base64.b64decode(body, validate=True).decode("utf-8"), body
        if encoding is None or str(encoding).lower() in ENCODINGS:
            return body, base64.b64encode(body.encode("utf-8")).decode()
    except (ValueError, binascii.Error):
        raise _Unfit("its body can't be decoded") from None
    raise _Unfit("its body has an unknown encoding")


def _require_plain_json(value: Any) -> None:
    """Refuse a value that is deep or not plain JSON; works without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise _Unfit(f"its body is deeper than {MAX_DEPTH} levels")


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        if value.keys() == MARKED:
            raise _Unfit("its body has values that are not plain JSON")
        return list(value.values())
    return value if isinstance(value, list) else []


def _section(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = message.get(name)
    if not isinstance(section, dict):
        raise _Unfit(f"missing {name}")
    return section


def _name(headers: Mapping[str, Any], key: str) -> str:
    name = headers.get(key)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise _Unfit(f"missing or invalid {key}")
    return name


def _short_text(value: object) -> str:
    is_fit = isinstance(value, str) and len(value) <= MAX_SHOWN_CHARACTERS and value.isprintable()
    return str(value) if is_fit else ""


def _own_description(value: object) -> str:
    """Return the description of the arguments that Flower shows; another program's would show the arguments themselves."""
    shown = _short_text(value)
    return shown if shown.startswith("run=") else ""
