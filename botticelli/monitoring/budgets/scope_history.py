"""Reads what was changed of budgets, and what they used by the hour. Changes nothing."""

from __future__ import annotations

from typing import Any

from botticelli.monitoring.budget_scopes import find_scope
from botticelli.runtime.process import Runtime

HOUR_SECONDS = 3600
HOURS = 24


def history_of(runtime: Runtime, name: str | None) -> dict[str, Any]:
    """Return `overrides`, newest first, and `usage` by scope for the last 24 hours, oldest first. NotFound."""
    scope = find_scope(runtime, name).name if name else None
    with runtime.store.transaction() as tx:
        overrides = tx.overrides.history(scope)
        usage = tx.spending.by_time(step_seconds=HOUR_SECONDS, steps=HOURS)
    return {"overrides": overrides, "usage": {known: usage[known] for known in sorted(usage) if scope in (None, known)}}
