"""Formats the windows of budgets as bars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botticelli.cli.base.formatting import duration, gauge, number, safe

if TYPE_CHECKING:
    from botticelli.budget import ScopeUsage, WindowUsage


def gauge_lines(usages: Iterable[ScopeUsage]) -> list[str]:
    """Format usages: the name of each scope, then a line for each of its windows."""
    lines = []
    for usage in usages:
        closed = f"  closed by the provider for another {duration(usage.blocked_for_ms / 1000)}"
        lines.append(safe(usage.scope) + (closed if usage.blocked_for_ms else ""))
        lines += [f"  {_window(window)}" for window in usage.windows] or ["  no limit"]
    return lines


def _window(usage: WindowUsage) -> str:
    bar = gauge(usage.used, usage.held, usage.window.limit)
    held = f" + {number(usage.held)} held" if usage.held else ""
    resets = f", frees up in {duration(usage.resets_after_ms / 1000)}" if usage.resets_after_ms else ""
    return f"{usage.window.name:<16} {bar} {number(usage.used)}{held} of {number(usage.window.limit)}{resets}"
