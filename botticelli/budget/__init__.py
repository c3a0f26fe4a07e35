"""May this be spent now? Windows and limits per scope, tickets that hold and spend them.

Knows no provider and no run.

Names are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.loading.lazy_package import make_lazy

if TYPE_CHECKING:
    from botticelli.budget.interface import (
        BLOCKED,
        CHARGED_AT,
        METRICS,
        Amounts,
        Budget,
        Draw,
        DrawRequest,
        Holding,
        Metric,
        PastCharge,
        Refusal,
        Reseed,
        Scope,
        ScopeUsage,
        Settlement,
        SettleOutcome,
        Share,
        Ticket,
        Waiter,
        Window,
        WindowKind,
        WindowUsage,
        merged,
    )
    from botticelli.budget.memory.memory_budget import MemoryBudget
    from botticelli.budget.redis.rebuild import nothing_charged
    from botticelli.budget.redis.redis_budget import RedisBudget
    from botticelli.budget.scope_budget import BudgetRemaining, ScopeBudget

__all__ = [
    "BLOCKED",
    "CHARGED_AT",
    "METRICS",
    "Amounts",
    "Budget",
    "BudgetRemaining",
    "Draw",
    "DrawRequest",
    "Holding",
    "MemoryBudget",
    "Metric",
    "PastCharge",
    "RedisBudget",
    "Refusal",
    "Reseed",
    "Scope",
    "ScopeBudget",
    "ScopeUsage",
    "SettleOutcome",
    "Settlement",
    "Share",
    "Ticket",
    "Waiter",
    "Window",
    "WindowKind",
    "WindowUsage",
    "merged",
    "nothing_charged",
]

make_lazy(
    __name__,
    {
        "BLOCKED": "interface",
        "CHARGED_AT": "interface",
        "METRICS": "interface",
        "Amounts": "interface",
        "Budget": "interface",
        "BudgetRemaining": "scope_budget",
        "Draw": "interface",
        "DrawRequest": "interface",
        "Holding": "interface",
        "MemoryBudget": "memory.memory_budget",
        "Metric": "interface",
        "PastCharge": "interface",
        "RedisBudget": "redis.redis_budget",
        "Refusal": "interface",
        "Reseed": "interface",
        "Scope": "interface",
        "ScopeBudget": "scope_budget",
        "ScopeUsage": "interface",
        "SettleOutcome": "interface",
        "Settlement": "interface",
        "Share": "interface",
        "Ticket": "interface",
        "Waiter": "interface",
        "Window": "interface",
        "WindowKind": "interface",
        "WindowUsage": "interface",
        "merged": "interface",
        "nothing_charged": "redis.rebuild",
    },
)
