"""Audits the ledger, and formats the result; the rules are in botticelli/budget/audit/passed_limits.py."""

from __future__ import annotations

from typing import Any

from botticelli.cli.base.formatting import number, safe
from botticelli.cli.base.layout import table

HEAD = ("scope", "window", "charges", "worst", "limit", "of it", "from", "to", "verdict")


def lines(result: dict[str, Any]) -> list[str]:
    """Format the audit as a table: a row for each window, and one for each interval that exceeded its limit."""
    if not result["windows"]:
        return ["nothing was spent under a limit"]
    rows = [_row(window, window["worst"], _verdict(window)) for window in result["windows"]]
    for window in result["windows"]:
        rows += [_row(window, interval, "EXCEEDED") for interval in window["violations"]]
        rows += [_row(window, interval, "excess, paid back") for interval in window["excesses"]]
    exceeded = sum(bool(window["violations"]) for window in result["windows"])
    end = f"{exceeded or 'no'} limit{'s were' if exceeded > 1 else ' was'} exceeded"
    unlimited = [f"without a known limit: {', '.join(map(safe, result['unlimited']))}"] if result["unlimited"] else []
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


def _row(window: dict[str, Any], interval: dict[str, Any], verdict: str) -> tuple[str, ...]:
    began, ended = (interval[end].isoformat(sep=" ", timespec="milliseconds") for end in ("from", "to"))
    figures = (number(interval["amount"]), number(interval["limit"]), f"{interval['ratio']:.3f}")
    return (window["scope"], window["window"], number(window["charges"]), *figures, began, ended, verdict)


def _verdict(window: dict[str, Any]) -> str:
    if window["violations"]:
        return "EXCEEDED"
    return "excess, paid back" if window["excesses"] else "ok"
