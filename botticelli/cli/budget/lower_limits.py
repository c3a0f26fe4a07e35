"""Lowers limits and pauses scopes temporarily, and shows the history of that with usage by the hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botticelli.carousel import Actor, pause_scope, resume_scope
from botticelli.carousel.control.lowered_limits import lower_limit
from botticelli.cli.base.formatting import moment, number, safe, sparkline
from botticelli.monitoring.budget_scopes import find_scope
from botticelli.monitoring.budgets.scope_history import HOURS
from botticelli.runtime.process import Runtime
from botticelli.store import WHOLE, Override


def lower(runtime: Runtime, name: str, window: str, limit: str, *, reason: str, until: datetime | None) -> Override:
    """Record a lower limit and return it. InvalidInput for an unknown window or a limit that is not lower."""
    return lower_limit(runtime, find_scope(runtime, name), window, limit, Actor(reason), until=until)


def pause(runtime: Runtime, name: str, *, reason: str, until: datetime | None) -> Override:
    """Pause a scope and return the override in force. NotFound for an unknown scope."""
    return pause_scope(runtime, find_scope(runtime, name).name, Actor(reason), until=until)


def resume(runtime: Runtime, name: str, *, reason: str) -> tuple[str, Override | None]:
    """Resume a scope; return its name and the override, None when it was not paused. NotFound."""
    scope = find_scope(runtime, name).name
    return scope, resume_scope(runtime, scope, Actor(reason))


def history_lines(result: dict[str, Any]) -> list[str]:
    """Format the history for people."""
    overrides = [override_line(override) for override in result["overrides"]]
    texts = overrides or ["no limit was lowered and no scope paused"]
    for scope, steps in result["usage"].items():
        requests, tokens = sum(step.requests for step in steps), sum(step.tokens for step in steps)
        texts.append(safe(scope))
        texts.append(f"  requests {sparkline([step.requests for step in steps])} {number(requests)} in {HOURS} hours")
        texts.append(f"  tokens   {sparkline([step.tokens for step in steps])} {number(tokens)}")
    return texts


def override_line(override: Override) -> str:
    """Format an override: what changed, until when, by whom and why."""
    if override.window == WHOLE:
        change = "resumed" if override.limit is None else "paused"
    else:
        limit = "usual limit restored" if override.limit is None else f"at most {number(override.limit)}"
        change = f"{override.window}: {limit}"
    until = f" until {moment(override.until)}" if override.until else ""
    why = f": {safe(override.reason)}" if override.reason else ""
    return f"{safe(override.scope)} {change}{until}, by {safe(override.set_by)} at {moment(override.set_at)}{why}"
