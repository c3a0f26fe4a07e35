"""Writes the JSON body of a webhook: thin, below 20 kB, without prompt and output unless they are asked for. Pure."""

from __future__ import annotations

import json
from typing import Any

from botticelli.store.notices.outbox import Notice

MAX_BYTES = 20_000
STRING_LIMITS = (1000, 300, 100, 30)
"""Lengths to which all strings of the data are cut, one after the other, until the body is small enough."""
MAX_TAGS = 20
OUTPUT_CHARACTERS = 12_000
CUT = "…"


def webhook_body(notice: Notice, output: Any = None) -> bytes:
    """Return `{"type", "timestamp", "data"}` of a notice; `output` is what a model wrote, if the target wants it."""
    data = {**notice.data, "tags": list(notice.tags[:MAX_TAGS]), "tenant": notice.tenant}
    for limit in STRING_LIMITS:
        body = _encoded(notice, _cut(data, limit))
        if len(body) < MAX_BYTES:
            break
    else:
        body = _encoded(notice, {"run_id": notice.run_id, "cut": True})
    return body if output is None else _with_output(notice, json.loads(body)["data"], output)


def _with_output(notice: Notice, data: dict[str, Any], output: Any) -> bytes:
    """Add as much of the output as fits."""
    limit = OUTPUT_CHARACTERS
    body = _encoded(notice, {**data, "output": _cut(output, limit)})
    while len(body) >= MAX_BYTES and limit:
        limit //= 2
        body = _encoded(notice, {**data, "output": _cut(output, limit)})
    return body if len(body) < MAX_BYTES else _encoded(notice, {**data, "output": None})


def _encoded(notice: Notice, data: Any) -> bytes:
    body = {"type": notice.type, "timestamp": notice.created_at.isoformat(timespec="microseconds"), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _cut(value: Any, limit: int) -> Any:
    """Return a JSON value whose strings have at most `limit` characters."""
    match value:
        case str():
            return value if len(value) <= limit else value[: max(0, limit - 1)] + CUT
        case dict():
            return {key: _cut(item, limit) for key, item in value.items()}
        case list():
            return [_cut(item, limit) for item in value]
        case _:
            return value
