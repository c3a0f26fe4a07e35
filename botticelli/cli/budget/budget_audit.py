"""Brings the ledger before the audit, and says what it found. The rules are in botticelli/budget/audit/passed_limits.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botticelli.budget import Amounts, Scope, Ticket
from botticelli.budget.audit.passed_limits import Finding, Spent, audit
from botticelli.budget.audit.window_intervals import Interval
from botticelli.cli.base.formatting import number, safe
from botticelli.cli.base.layout import table
from botticelli.cli.budget.budget_scopes import usual_scopes
from botticelli.runtime.process import Runtime
from botticelli.spending.costs import Carry
from botticelli.store import SpentRow

HEAD = ("scope", "window", "charges", "worst", "limit", "of it", "from", "to", "verdict")
Granted = tuple[tuple[Scope, Amounts], ...]


def audited(runtime: Runtime, since: datetime | None) -> dict[str, Any]:
    """Return the audit as it is printed in JSON.

    `ok`: no limit was passed. `windows`: for each the worst interval, `violations` and `excesses`. `unlimited`: scopes
    that were spent from without any limit that is known.
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
    return [
        *table(
            HEAD,
            rows,
            right=("charges", "worst", "limit", "of it"),
            drops=("from", "to", "charges"),
            wraps=("scope", "verdict"),
        ),
        *unlimited,
        end,
    ]


def spent_by(rows: Iterable[SpentRow], usual: Mapping[str, Scope], unlimited: set[str]) -> Iterator[Spent]:
    """One for each scope of each row: their estimates may differ. Names scopes without limits in `unlimited`."""
    kept: dict[str, Granted] = {}
    carry = Carry(ahead=False)
    for row in rows:
        settled_at = None if row.outcome == "drawn" else row.settled_at or row.drawn_at
        settled_at_ms = None if settled_at is None else _ms(settled_at)
        for scope, estimated in _granted(row, usual, kept):
            if not scope.windows:
                unlimited.add(scope.name)
            actual = _actual(row, estimated, carry.microusd(scope.name, row.cost_usd))
            yield Spent((scope,), _ms(row.drawn_at), settled_at_ms, actual, estimated)


def _actual(row: SpentRow, estimated: Amounts, cost_microusd: int) -> Amounts:
    """What the provider counted. Input that it had in its cache is no input of the windows that count input."""
    if row.outcome in {"drawn", "unknown"}:
        return estimated
    if row.outcome == "not_sent":
        return Amounts()
    if row.outcome == "refused":
        return Amounts(requests=1, concurrency=1)
    read, written = row.input_tokens or 0, row.output_tokens or 0
    return Amounts(1, read + written, max(0, read - (row.cached_tokens or 0)), written, cost_microusd, 1)


def _granted(row: SpentRow, usual: Mapping[str, Scope], kept: dict[str, Granted]) -> Granted:
    """The scopes and estimates that the row names; for a scope that it doesn't speak of, the usual limits."""
    key = f"{row.scope} {row.estimated_tokens} {row.shares}"
    if key not in kept:
        shares = Ticket.from_json({"id": "", "lease_until_ms": 0, "shares": row.shares}).shares
        named = [(share.scope, share.amounts) for share in shares]
        own = usual.get(row.scope, Scope(row.scope)), Amounts(1, row.estimated_tokens, concurrency=1)
        kept[key] = (*named, *([] if row.scope in {scope.name for scope, _ in named} else [own]))
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
