"""Reads the usage of a run's budgets, at most once a second, and formats their windows as bars."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from botticelli.cli.base.formatting import duration, gauge, number, safe
from botticelli.errors import BotticelliError

if TYPE_CHECKING:
    from botticelli.budget import Scope, ScopeUsage, WindowUsage
    from botticelli.runtime.process import Runtime
    from botticelli.store import Transaction

REFRESH_SECONDS = 1.0


class BudgetBars:
    """Reads the usage of one run's scopes, at most once a second."""

    def __init__(self, runtime: Runtime, run_id: str) -> None:
        self._runtime = runtime
        self._run_id = run_id
        self._scopes: list[Scope] | None = None
        self._usage: tuple[ScopeUsage, ...] = ()
        self._read_at = 0.0
        self.models: list[str] = []

    def read(self, tx: Transaction) -> tuple[ScopeUsage, ...]:
        if self._scopes is None:
            self._scopes, self.models = scopes_of(self._runtime, tx, self._run_id)
        if time.monotonic() - self._read_at >= REFRESH_SECONDS:
            self._usage = tuple(self._runtime.budget.usage(scope) for scope in self._scopes)
            self._read_at = time.monotonic()
        return self._usage


def scopes_of(runtime: Runtime, tx: Transaction, run_id: str) -> tuple[list[Scope], list[str]]:
    """Return the scopes and models of a run; both empty when a driver that it needs is not installed."""
    from botticelli.carousel import plan_of

    try:
        calls = plan_of(runtime, tx, run_id).values()
    except (BotticelliError, ValueError):  # ValueError: a rejected request has no narrative
        return [], []
    scopes = {scope.name: scope for call in calls for scope in call.scopes}
    return list(scopes.values()), sorted({str(call.model) for call in calls})


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
