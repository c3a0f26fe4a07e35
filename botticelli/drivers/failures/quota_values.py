"""Reads the limits that Google's refusals name (google.rpc.QuotaFailure), by the names of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MAX_DEPTH = 12


def quota_values(body: Any) -> dict[str, int]:
    """Return the limits in a refusal, such as `{"rpm": 5, "rpd": 20}`; nothing for a body of another shape."""
    limits: dict[str, int] = {}
    for violation in _violations(body, MAX_DEPTH):
        name, value = _name(str(violation.get("quotaId", ""))), str(violation.get("quotaValue", "")).strip()
        if name and value.isascii() and value.isdigit() and 0 < int(value) < 2**53:
            limits[name] = min(int(value), limits.get(name, int(value)))
    return limits


def _name(quota_id: str) -> str | None:
    """Return the setting of a quota: `GenerateRequestsPerMinutePerProjectPerModel-FreeTier` is rpm."""
    if "PerMinute" in quota_id:
        return "itpm" if "InputToken" in quota_id else "rpm" if "Requests" in quota_id else None
    return "rpd" if "PerDay" in quota_id and "Requests" in quota_id else None


def _violations(node: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth == 0:
        return
    if isinstance(node, Mapping):
        listed = node.get("violations")
        if isinstance(listed, list):
            yield from (entry for entry in listed if isinstance(entry, Mapping))
        for value in node.values():
            yield from _violations(value, depth - 1)
    elif isinstance(node, list):
        for entry in node:
            yield from _violations(entry, depth - 1)
