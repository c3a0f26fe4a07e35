"""Offers the founding interface for one scope: can_afford, consume, remaining. Uses no tickets."""

from __future__ import annotations

from dataclasses import dataclass

from botticelli.budget.interface import Amounts, Metric, Refusal, Scope, ScopeUsage, WindowUsage
from botticelli.budget.protocol import Budget


@dataclass(frozen=True, slots=True)
class BudgetRemaining:
    """The amounts that may still be spent: the smallest rest of all windows of a metric; None without such a window."""

    requests: int | None
    tokens: int | None
    windows: tuple[WindowUsage, ...]


@dataclass(frozen=True, slots=True)
class ScopeBudget:
    """Spends from one scope, request by request."""

    budget: Budget
    scope: Scope

    def can_afford(self, tokens: int) -> bool:
        """Return whether one request of `tokens` would be granted now. Another process may spend first: `consume` decides."""
        usage = self.budget.usage(self.scope)
        amounts = Amounts(requests=1, tokens=tokens)
        fits = (amounts.of(w.window.metric) <= w.remaining for w in usage.windows if amounts.of(w.window.metric))
        return usage.blocked_for_ms == 0 and all(fits)

    def consume(self, tokens: int) -> Refusal | None:
        """Spend one request of `tokens`. Returns the refusal, or None when granted."""
        return self.budget.charge(self.scope, Amounts(requests=1, tokens=tokens))

    def remaining(self) -> BudgetRemaining:
        usage = self.budget.usage(self.scope)
        return BudgetRemaining(_smallest(usage, "requests"), _smallest(usage, "tokens"), usage.windows)


def _smallest(usage: ScopeUsage, metric: Metric) -> int | None:
    return min((w.remaining for w in usage.windows if w.window.metric == metric), default=None)
