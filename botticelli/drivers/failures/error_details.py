"""Collects codes, quotas and waits from the body of an error, whatever its shape. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

MAX_FIELDS = 2_000
MAX_DEPTH = 16
MAX_TEXT = 20_000
MAX_CODE = 100
STATUSES = frozenset(("code", "status", "status_code"))
CODES = frozenset(("code", "type", "status", "reason", "error_code", "error_type", "errorcode", "errortype", "error"))
QUOTAS = frozenset(("quotaid", "quotametric", "quotalimit", "quotaunit"))
MESSAGES = frozenset(("message", "detail", "error", "msg", "error_description"))
ECHOES = frozenset(("input", "request", "messages", "prompt", "contents", "ctx"))
"""Fields in which a provider repeats the request: their content is ignored."""
WRAPPED = frozenset((*MESSAGES, "raw", "body"))
"""Fields in which a proxy puts the provider's own answer as text."""


@dataclass(slots=True)
class Details:
    """Fields found in an error: `codes` in lower case, `quotas` that were exceeded, `waits` by field name."""

    codes: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)
    quotas: list[str] = field(default_factory=list)
    delays: list[Any] = field(default_factory=list)
    """Values of google.rpc.RetryInfo."""
    waits: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of the provider behind a proxy, with lower-case names."""
    messages: list[str] = field(default_factory=list)


def collect_details(body: Any) -> Details:
    """Collect the details of a body, however deeply nested, up to a bound."""
    details = Details()
    for name, value in islice(_fields(body), MAX_FIELDS):
        plain = name.lower().replace("-", "_")
        if isinstance(value, str):
            _add_text(details, plain, value)
        elif isinstance(value, int) and not isinstance(value, bool) and plain in STATUSES:
            details.statuses.append(value)
        elif isinstance(value, Mapping) and plain == "headers":
            details.headers |= {str(key).lower(): text for key, text in value.items() if isinstance(text, str)}
        short = plain.replace("_", "")
        if short == "retrydelay":
            details.delays.append(value)
        elif short.startswith("retryafter"):
            details.waits[short] = value
    return details


def _add_text(details: Details, name: str, text: str) -> None:
    if name in CODES and len(text) <= MAX_CODE:
        details.codes.add(text.strip().lower())
    if name in MESSAGES:
        details.messages.append(text)
    if name.replace("_", "") in QUOTAS:
        details.quotas.append(text)


def _fields(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and values, the outermost first."""
    level = [_parsed(body)]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for name, value in chain.from_iterable(map(_pairs, level)):
            yield name, value
            inner = _parsed(value) if name.lower() in WRAPPED else value
            if isinstance(inner, Mapping | list) and name.lower() not in ECHOES:
                below.append(inner)
        level = below


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        return ((str(name), value) for name, value in node.items())
    return (("", entry) for entry in node)


def _parsed(value: Any) -> Any:
    """Parse JSON, also when it is wrapped in a text; return an empty list for anything else."""
    if isinstance(value, Mapping | list):
        return value
    if isinstance(value, str) and len(value) <= MAX_TEXT and value.lstrip()[:1] in ("{", "["):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return []
        return parsed if isinstance(parsed, Mapping | list) else []
    return []
