"""Reads an error out of a provider's body of any shape: message, code, status and details.

Decides nothing about retries.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.drivers.reading.json_events import events_in
from botticelli.untrusted.storable import storable

MAX_CHARACTERS = 100_000
"""Limit for a text body, before its tags are removed."""
MAX_DEPTH = 6
MAX_MESSAGES = 3
WRAPPERS = ("error", "errors", "base_resp", "fault", "response")
"""Keys whose value is the error itself, in objects that wrap it."""
MESSAGES = (
    "message",
    "msg",
    "detail",
    "error_message",
    "error_msg",
    "error_description",
    "status_msg",
    "faultstring",
    "description",
    "title",
    "text",
)
"""Compared in lower case, like all names here: some servers write `Message`."""
STATUSES = ("code", "status", "status_code", "statuscode", "http_status", "error_code", "http_code")
CODES = ("code", "status", "type", "error_code", "reason")
WORDS = {
    "rate_limit": 429,
    "ratelimit": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "quota_exceeded": 429,
    "overloaded": 529,
    "unavailable": 503,
    "deadline_exceeded": 504,
    "timeout": 504,
    "billing": 402,
    "payment_required": 402,
    "insufficient_credits": 402,
    "insufficient_balance": 402,
    "unauthenticated": 401,
    "authentication": 401,
    "unauthorized": 401,
    "invalid_api_key": 401,
    "api_key_invalid": 401,
    "permission": 403,
    "forbidden": 403,
    "not_found": 404,
    "request_too_large": 413,
    "context_length_exceeded": 400,
    "invalid_request": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "content_policy": 400,
    "content_filter": 400,
    "bad_request": 400,
    "api_error": 500,
    "server_error": 500,
    "internal": 500,
}
"""HTTP status for a code in words: the first entry that the code contains applies, also to `RateLimitError`."""

_STREAM = re.compile(r"\s*(?:event|data) ?:")
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"<(script|style)\b.*?</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_MARKUP = re.compile(r"\s*<(!doctype|html|head|body|\?xml)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The error that a provider's body describes.

    `message` is the provider's text, "" when it has none. `code` is its own word or number. `status` is the HTTP status
    in the body, None when it names none. `details` are the objects under `details`. `body` is the object that holds the
    error, without lists around it; None when the body is not JSON.
    """

    message: str = ""
    code: str = ""
    status: int | None = None
    details: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] | None = field(default=None)


def read_error_body(body: Any) -> ErrorBody:
    """Read an error body, given as bytes, text, or parsed JSON."""
    if isinstance(body, bytes | bytearray):
        body = _decoded(bytes(body[: 10 * MAX_CHARACTERS]))
    if isinstance(body, str):
        body = _parsed(body)
    if isinstance(body, str):
        return ErrorBody(storable(_plain_text(body)))
    outer = _first_object(body)
    message = storable(_message(body, MAX_DEPTH))
    if outer is None:
        return ErrorBody(message)
    objects = _objects(outer)
    return ErrorBody(message, storable(_code(objects)), _status(objects), _details(objects), outer)


def in_words(error: ErrorBody) -> str:
    """Return the error's message; the body itself when no known field holds one."""
    return error.message or (storable(json.dumps(error.body, ensure_ascii=False)) if error.body else "")


def is_markup(text: str) -> bool:
    """Whether a text is a web page or XML, as gateways and login pages send it."""
    return _MARKUP.match(text) is not None


def _decoded(raw: bytes) -> str:
    """Decode as UTF-8, unless a byte order mark or zero bytes indicate UTF-16."""
    is_wide = raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or (raw[:1] in b"{[" and raw[1:2] == b"\0")
    name = "utf-8-sig" if not is_wide else "utf-16" if raw[:1] not in b"{[" else "utf-16-le"
    return raw.decode(name, "replace")


def _parsed(text: str) -> Any:
    """Parse a text as JSON, or its first event when it is a stream; else return the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        events = events_in(text) if _STREAM.match(text) else iter(())
        return next((event.data for event in events if event.data is not None), text)


def _plain_text(text: str) -> str:
    text = text[:MAX_CHARACTERS]
    if is_markup(text):
        title = _TITLE.search(text)
        text = _TAG.sub(" ", title[2] if title else _HIDDEN.sub(" ", text))
    return " ".join(text.split())


def _first_object(body: Any) -> Mapping[str, Any] | None:
    """Return the object that a body is, or the first object in its lists."""
    for _ in range(MAX_DEPTH):
        if isinstance(body, Mapping):
            return body
        if not isinstance(body, list) or not body:
            return None
        body = next((item for item in body if isinstance(item, Mapping)), body[0])
    return None


def _objects(outer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the object and those that it wraps, the innermost error first."""
    chain: list[Mapping[str, Any]] = [_lowered(outer)]
    for _ in range(MAX_DEPTH):
        inner = next((_first_object(chain[-1].get(key)) for key in WRAPPERS if chain[-1].get(key)), None)
        if inner is None:
            break
        chain.append(_lowered(inner))
    return chain[::-1]


def _lowered(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a copy with lower-case names; a name already in lower case wins."""
    return {**{str(name).lower(): inner for name, inner in value.items()}, **value}


def _message(value: Any, depth: int) -> str:
    """Return the first text that describes the error."""
    if isinstance(value, str):
        inner = _parsed(value) if depth and value.lstrip()[:1] in ("{", "[") else value
        return (_message(inner, depth - 1) if inner is not value else "") or value.strip()
    if depth == 0:
        return ""
    if isinstance(value, list):
        texts = [_message(item, depth - 1) for item in value[:MAX_MESSAGES]]
        return "; ".join(filter(None, texts))
    if not isinstance(value, Mapping):
        return ""
    value = _lowered(value)
    for key in (*WRAPPERS, *MESSAGES):
        text = _message(value.get(key), depth - 1)
        if text:
            return _with_field(value, _with_cause(value, text))
    return ""


def _with_field(value: Mapping[str, Any], text: str) -> str:
    """Add the field that a validation error names in `loc`."""
    place = value.get("loc")
    return f"{'.'.join(map(str, place))}: {text}" if isinstance(place, list) and place else text


def _with_cause(value: Mapping[str, Any], text: str) -> str:
    """Add the text of the provider behind a router, which is under `metadata.raw`."""
    metadata = value.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    cause = _message(_parsed(raw) if isinstance(raw, str) else raw, MAX_DEPTH - 1)
    return f"{text}: {cause}" if cause and cause not in text else text


def _code(objects: list[Mapping[str, Any]]) -> str:
    """Return the code, words before numbers: `RESOURCE_EXHAUSTED` says more than 429."""
    codes = [str(value) for inner in objects for key in CODES if _is_code(value := inner.get(key))]
    return next((code for code in codes if not code.isdigit()), codes[0] if codes else "")


def _is_code(value: Any) -> bool:
    return (isinstance(value, str) and 0 < len(value) <= 100) or (isinstance(value, int) and value is not True)


def _status(objects: list[Mapping[str, Any]]) -> int | None:
    for inner in objects:
        for key in STATUSES:
            status = _as_status(inner.get(key))
            if status is not None:
                return status
    for inner in objects:
        for key in CODES:
            status = _status_of_word(inner.get(key))
            if status is not None:
                return status
    return None


def _as_status(value: Any) -> int | None:
    """Return a status from 400 to 599, given as a number or as digits; else None."""
    if isinstance(value, str) and re.fullmatch("[45][0-9][0-9]", value.strip()):
        return int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 400 <= value < 600 else None


def _status_of_word(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    word = re.sub("[ _-]", "", value[:100].lower())
    return next((status for part, status in WORDS.items() if part.replace("_", "") in word), None)


def _details(objects: list[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    for inner in objects:
        details = inner.get("details")
        if isinstance(details, Mapping):
            return (details,)
        if isinstance(details, list):
            return tuple(detail for detail in details if isinstance(detail, Mapping))
    return ()
