"""Lower limits for a while, and the record of it, with usage by the hour. What is in force is read elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botticelli.carousel import Mover, pause_scope, resume_scope, user_at_host
from botticelli.cli.base.formatting import moment, number, safe, sparkline
from botticelli.cli.budget.budget_scopes import find_scope
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.store import WHOLE, Override

DEFAULT = "default"
HOUR_SECONDS = 3600
HOURS = 24


def lower(runtime: Runtime, name: str, window: str, limit: str, *, reason: str, until: datetime | None) -> Override:
    """InvalidInput for a window that the scope doesn't have, and for a limit that is no lower than the usual one."""
    scope = find_scope(runtime, name)
    usual = {one.name: one.limit for one in scope.windows}
    if window not in usual:
        offer = ", ".join(usual) or "none: it has no limits"
        raise InvalidInput(f"there is no window {window!r}", where=scope.name, do=f"its windows: {offer}")
    amount = None if limit == DEFAULT else _amount(limit, usual[window], scope.name)
    with runtime.store.transaction() as tx:
        return tx.overrides.add(scope.name, window, amount, reason=reason, set_by=user_at_host(), until=until)


def pause(runtime: Runtime, name: str, *, reason: str, until: datetime | None) -> Override:
    """The record that is in force. NotFound for a scope that nobody knows."""
    return pause_scope(runtime, find_scope(runtime, name).name, Mover(reason), until=until)


def resume(runtime: Runtime, name: str, *, reason: str) -> tuple[str, Override | None]:
    """The scope, and the record of its resumption, None when it wasn't paused. NotFound."""
    scope = find_scope(runtime, name).name
    return scope, resume_scope(runtime, scope, Mover(reason))


def history_of(runtime: Runtime, name: str | None) -> dict[str, Any]:
    """`overrides`, the newest first, and `usage`: by scope the hours of the last day, the oldest first."""
    scope = find_scope(runtime, name).name if name else None
    with runtime.store.transaction() as tx:
        overrides = tx.overrides.history(scope)
        usage = tx.spending.by_time(step_seconds=HOUR_SECONDS, steps=HOURS)
    return {"overrides": overrides, "usage": {one: usage[one] for one in sorted(usage) if scope in (None, one)}}


def history_lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    said = [override_line(one) for one in found["overrides"]] or ["no limit was ever lowered, and nothing paused"]
    for scope, steps in found["usage"].items():
        requests, tokens = sum(step.requests for step in steps), sum(step.tokens for step in steps)
        said.append(safe(scope))
        said.append(f"  requests {sparkline([step.requests for step in steps])} {number(requests)} in {HOURS} hours")
        said.append(f"  tokens   {sparkline([step.tokens for step in steps])} {number(tokens)}")
    return said


def override_line(one: Override) -> str:
    if one.window == WHOLE:
        what = "resumed" if one.limit is None else "paused"
    else:
        what = f"{one.window}: " + ("the usual limit again" if one.limit is None else f"at most {number(one.limit)}")
    until = f" until {moment(one.until)}" if one.until else ""
    why = f": {safe(one.reason)}" if one.reason else ""
    return f"{safe(one.scope)} {what}{until}, by {safe(one.set_by)} at {moment(one.set_at)}{why}"


def _amount(text: str, usual: int, where: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{text!r} is not a limit", where=where, do=f"give a whole number from 0, or {DEFAULT}")
    if int(text) >= usual:
        raise InvalidInput(
            f"{int(text):,} is not below the usual limit of {usual:,}", where=where, do="change the settings"
        )
    return int(text)
