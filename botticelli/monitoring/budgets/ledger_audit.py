"""Audits the ledger against all limits; the rules are in botticelli/budget/audit/passed_limits.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botticelli.budget import Amounts, Scope, Ticket
from botticelli.budget.audit.passed_limits import Finding, Spent, audit
from botticelli.budget.audit.window_intervals import Interval
from botticelli.monitoring.budget_scopes import usual_scopes
from botticelli.runtime.process import Runtime
from botticelli.spending.account import CostRounder
from botticelli.store import SpentRow

Granted = tuple[tuple[Scope, Amounts], ...]


def audited(runtime: Runtime, since: datetime | None) -> dict[str, Any]:
    """Audit the ledger since a time (None: all of it) and return the result as printed in JSON.

    `ok`: no limit was exceeded. `windows`: the worst interval, `violations` and `excesses` of each window. `unlimited`:
    scopes with spending but without a known limit.
    """
    usual = usual_scopes(runtime)
    unlimited: set[str] = set()
    with runtime.store.transaction() as tx:
        findings = audit(spent_by(tx.spending.rows(since), usual, unlimited))
    return {
        "ok": not any(finding.violations for finding in findings),
        "windows": [_as_object(finding) for finding in findings],
        "unlimited": sorted(unlimited),
    }


def spent_by(rows: Iterable[SpentRow], usual: Mapping[str, Scope], unlimited: set[str]) -> Iterator[Spent]:
    """Yield a `Spent` for each scope of each row, since estimates differ by scope; fills `unlimited`."""
    cache: dict[str, Granted] = {}
    carry = CostRounder(ahead=False)
    for row in rows:
        settled_at = None if row.outcome == "drawn" else row.settled_at or row.drawn_at
        settled_at_ms = None if settled_at is None else _ms(settled_at)
        for scope, estimated in _granted(row, usual, cache):
            if not scope.windows:
                unlimited.add(scope.name)
            actual = _actual(row, estimated, carry.microusd(scope.name, row.cost_usd))
            yield Spent((scope,), _ms(row.drawn_at), settled_at_ms, actual, estimated)


def _actual(row: SpentRow, estimated: Amounts, cost_microusd: int) -> Amounts:
    """Return what the provider counted; cached input does not count in windows of input tokens."""
    if row.outcome in {"drawn", "unknown"}:
        return estimated
    if row.outcome == "not_sent":
        return Amounts()
    if row.outcome == "refused":
        return Amounts(requests=1, concurrency=1)
    read, written = row.input_tokens or 0, row.output_tokens or 0
    return Amounts(1, read + written, max(0, read - (row.cached_tokens or 0)), written, cost_microusd, 1)


def _granted(row: SpentRow, usual: Mapping[str, Scope], cache: dict[str, Granted]) -> Granted:
    """Return the scopes and estimates of a row; its own scope has the usual limits where the shares lack it."""
    key = f"{row.scope} {row.estimated_tokens} {row.shares}"
    if key not in cache:
        shares = Ticket.from_json({"id": "", "lease_until_ms": 0, "shares": row.shares}).shares
        named = [(share.scope, share.amounts) for share in shares]
        own = usual.get(row.scope, Scope(row.scope)), Amounts(1, row.estimated_tokens, concurrency=1)
        cache[key] = (*named, *([] if row.scope in {scope.name for scope, _ in named} else [own]))
    return cache[key]


def _as_object(finding: Finding) -> dict[str, Any]:
    return {
        "scope": finding.scope,
        "window": finding.window,
        "charges": finding.charges,
        "worst": _interval(finding.worst),
        "violations": [_interval(interval) for interval in finding.violations],
        "excesses": [_interval(interval) for interval in finding.excesses],
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "from": _time(interval.from_ms),
        "to": _time(interval.to_ms),
        "amount": interval.amount,
        "excess": interval.excess,
        "limit": interval.limit,
        "ratio": round(interval.ratio, 4),
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _time(clock_ms: int) -> datetime:
    return datetime.fromtimestamp(clock_ms / 1000, UTC)
