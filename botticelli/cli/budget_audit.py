"""Brings the ledger before the audit, and says what it found. The rules are in botticelli/budget/audit.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botticelli.budget import Scope
from botticelli.budget.audit import Finding, Interval, Spent, audit
from botticelli.cli.budget_scopes import scope_in, usual_scopes
from botticelli.cli.terminal import number, safe, table
from botticelli.runtime import Runtime
from botticelli.store import SpentRow

HEAD = ("scope", "window", "charges", "worst", "limit", "of it", "from", "to", "verdict")
Scopes = tuple[Scope, ...]


def audited(runtime: Runtime, since: datetime | None) -> dict[str, Any]:
    """`ok`: no limit was passed. `windows`: for each the worst interval, `violations` and `excesses`. `unlimited`: scopes
    that were spent from without any limit that is known."""
    usual = usual_scopes(runtime)
    unlimited: set[str] = set()
    with runtime.store.transaction() as tx:
        findings = audit(_spent(tx.spending.rows(since), usual, unlimited))
    return {
        "ok": not any(finding.violations for finding in findings),
        "windows": [_as_object(finding) for finding in findings],
        "unlimited": sorted(unlimited),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """For people: a line for each window, and one for each interval in which its limit was passed."""
    if not found["windows"]:
        return ["nothing was spent under a limit"]
    rows = [_row(one, one["worst"], _verdict(one)) for one in found["windows"]]
    for one in found["windows"]:
        rows += [_row(one, interval, "PASSED") for interval in one["violations"]]
        rows += [_row(one, interval, "excess, paid back") for interval in one["excesses"]]
    passed = sum(bool(one["violations"]) for one in found["windows"])
    end = f"{passed or 'no'} limit{'s were' if passed > 1 else ' was'} passed"
    unlimited = [f"without any known limit: {', '.join(map(safe, found['unlimited']))}"] if found["unlimited"] else []
    return [*table(HEAD, rows, right=("charges", "worst", "limit", "of it")), *unlimited, end]


def _spent(rows: Iterable[SpentRow], usual: Mapping[str, Scope], unlimited: set[str]) -> Iterator[Spent]:
    kept: dict[str, Scopes] = {}
    for row in rows:
        scopes = _scopes(row, usual, kept)
        unlimited.update(scope.name for scope in scopes if not scope.windows)
        counted = (row.input_tokens or 0) + (row.output_tokens or 0)
        settled_at = None if row.outcome == "drawn" else row.settled_at or row.drawn_at
        yield Spent(
            scopes,
            _ms(row.drawn_at),
            None if settled_at is None else _ms(settled_at),
            row.estimated_tokens if row.outcome == "unknown" else counted,
            row.estimated_tokens,
        )


def _scopes(row: SpentRow, usual: Mapping[str, Scope], kept: dict[str, Scopes]) -> Scopes:
    """With the limits that the row names; for a scope that it doesn't speak of, the usual ones."""
    key = f"{row.scope} {row.shares}"
    if key not in kept:
        named = [scope for share in row.shares if (scope := scope_in(share)) is not None]
        own = [] if row.scope in {scope.name for scope in named} else [usual.get(row.scope, Scope(row.scope))]
        kept[key] = (*named, *own)
    return kept[key]


def _as_object(finding: Finding) -> dict[str, Any]:
    return {
        "scope": finding.scope,
        "window": finding.window,
        "charges": finding.charges,
        "worst": _interval(finding.worst),
        "violations": [_interval(one) for one in finding.violations],
        "excesses": [_interval(one) for one in finding.excesses],
    }


def _interval(one: Interval) -> dict[str, Any]:
    return {
        "from": _moment(one.from_ms),
        "to": _moment(one.to_ms),
        "amount": one.amount,
        "excess": one.excess,
        "limit": one.limit,
        "ratio": round(one.ratio, 4),
    }


def _row(window: dict[str, Any], interval: dict[str, Any], verdict: str) -> tuple[str, ...]:
    began, ended = (interval[end].isoformat(sep=" ", timespec="milliseconds") for end in ("from", "to"))
    figures = (number(interval["amount"]), number(interval["limit"]), f"{interval['ratio']:.3f}")
    return (window["scope"], window["window"], number(window["charges"]), *figures, began, ended, verdict)


def _verdict(window: dict[str, Any]) -> str:
    if window["violations"]:
        return "PASSED"
    return "excess, paid back" if window["excesses"] else "kept"


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(clock_ms: int) -> datetime:
    return datetime.fromtimestamp(clock_ms / 1000, UTC)
