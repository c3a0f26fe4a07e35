"""What is used of the budgets of a run: asks the Budget now and then, and shows its windows as bars. Spends nothing."""

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


class Gauges:
    """The budgets of one run, asked at most once a second."""

    def __init__(self, runtime: Runtime, run_id: str) -> None:
        self._runtime = runtime
        self._run_id = run_id
        self._scopes: list[Scope] | None = None
        self._usage: tuple[ScopeUsage, ...] = ()
        self._asked_at = 0.0
        self.models: list[str] = []

    def read(self, tx: Transaction) -> tuple[ScopeUsage, ...]:
        if self._scopes is None:
            self._scopes, self.models = scopes_of(self._runtime, tx, self._run_id)
        if time.monotonic() - self._asked_at >= REFRESH_SECONDS:
            self._usage = tuple(self._runtime.budget.usage(scope) for scope in self._scopes)
            self._asked_at = time.monotonic()
        return self._usage


def scopes_of(runtime: Runtime, tx: Transaction, run_id: str) -> tuple[list[Scope], list[str]]:
    """The scopes that a run spends from, and its models; none when the run needs a driver that isn't installed here."""
    from botticelli.carousel import plan_of

    try:
        calls = plan_of(runtime, tx, run_id).values()
    except (BotticelliError, ValueError):  # ValueError: a request that was refused has no narrative
        return [], []
    scopes = {scope.name: scope for call in calls for scope in call.scopes}
    return list(scopes.values()), sorted({str(call.model) for call in calls})


def gauge_lines(usages: Iterable[ScopeUsage]) -> list[str]:
    """A line for each window, under the name of its scope."""
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
