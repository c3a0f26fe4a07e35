"""Notices budgets that run out: 50, 80 and 100 % of each window of an hour or more, once for each of its periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select

from botticelli.budget import Scope, Ticket, Window, WindowUsage
from botticelli.budget.days import midnights, month_starts
from botticelli.runtime.process import Runtime
from botticelli.settings.sections.notify import BUDGET_THRESHOLD
from botticelli.store import Transaction

THRESHOLDS = (100, 80, 50)
MIN_PERIOD_SECONDS = 3600.0
"""A shorter window is used up all the time, and free again before anybody could act."""
RECENT_SECONDS = 86_400.0
OWNERS = ("narrative", "tenant")
"""Budgets that belong to something that targets filter by, by the beginning of their scope's name."""


def record_thresholds(runtime: Runtime) -> int:
    """Write a notice for each window that has reached a threshold in its present period; return how many are new.

    The scopes are those of the last day's calls. A window for which a run waits has reached 100 %, although the rest of it
    may be too small for any request. Raises the errors of an absent server.
    """
    with runtime.store.transaction() as tx:
        scopes = list(_recent_scopes(runtime, tx))
        waited_for = tx.runs.waited_for()
        now: datetime = tx.connection.execute(select(func.clock_timestamp())).scalar_one()
    reached = [
        (scope.name, usage, percent)
        for scope in scopes
        for usage in runtime.budget.usage(scope).windows
        if (percent := reached_threshold(usage, (scope.name, usage.window.name) in waited_for)) is not None
    ]
    with runtime.store.transaction() as tx:
        return sum(_emit(tx, scope, usage, percent, now) for scope, usage, percent in reached)


def reached_threshold(usage: WindowUsage, is_waited_for: bool) -> int | None:
    """Return the highest threshold that a window has reached; None for none, and for short windows."""
    window = usage.window
    if window.metric == "concurrency" or window.period_seconds < MIN_PERIOD_SECONDS or window.limit <= 0:
        return None
    percent = 100 if is_waited_for else usage.used * 100 // window.limit
    return next((threshold for threshold in THRESHOLDS if percent >= threshold), None)


def period_of(window: Window, now: datetime) -> int:
    """Return a number that differs in each period of the window: when the period began, in ms since 1970."""
    now_ms, period_ms = round(now.timestamp() * 1000), round(window.period_seconds * 1000)
    starts = {"calendar": midnights, "month": month_starts}.get(window.kind)
    if starts is not None and window.zone is not None:
        return max(start for start in starts(window.zone, now_ms) if start <= now_ms)
    return now_ms // period_ms * period_ms


def _recent_scopes(runtime: Runtime, tx: Transaction) -> Iterator[Scope]:
    """Yield the scopes of recent calls with the limits that are in force."""
    for share in tx.spending.recent_scopes(RECENT_SECONDS).values():
        if share is not None:
            stored = Ticket.from_json({"id": "", "lease_until_ms": 0, "shares": [share]}).shares[0].scope
            yield runtime.scopes.in_force(stored, tx, act="look")


def _emit(tx: Transaction, scope: str, usage: WindowUsage, percent: int, now: datetime) -> bool:
    window = usage.window
    kind, _, name = scope.partition(":")
    owner = {kind: name} if kind in OWNERS else {}
    data = {
        "scope": scope,
        "window": window.name,
        "percent": percent,
        "used": usage.used,
        "limit": window.limit,
        "metric": window.metric,
        "resets_after_seconds": round(usage.resets_after_ms / 1000),
    }
    key = f"{scope} {window.name} {percent} {period_of(window, now)}"
    return tx.notices.emit(BUDGET_THRESHOLD, data | owner, key=key, **owner)
