"""May this be spent now? Windows and limits per scope, tickets that hold and spend them.

Knows no provider and no run.

Names are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.lazy import make_lazy

if TYPE_CHECKING:
    from botticelli.budget.memory import MemoryBudget
    from botticelli.budget.model import (
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
    from botticelli.budget.redis import RedisBudget
    from botticelli.budget.seeding import nothing_charged
    from botticelli.budget.view import BudgetRemaining, ScopeBudget

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
        "BLOCKED": "model",
        "CHARGED_AT": "model",
        "METRICS": "model",
        "Amounts": "model",
        "Budget": "model",
        "BudgetRemaining": "view",
        "Draw": "model",
        "DrawRequest": "model",
        "Holding": "model",
        "MemoryBudget": "memory",
        "Metric": "model",
        "PastCharge": "model",
        "RedisBudget": "redis",
        "Refusal": "model",
        "Reseed": "model",
        "Scope": "model",
        "ScopeBudget": "view",
        "ScopeUsage": "model",
        "SettleOutcome": "model",
        "Settlement": "model",
        "Share": "model",
        "Ticket": "model",
        "Waiter": "model",
        "Window": "model",
        "WindowKind": "model",
        "WindowUsage": "model",
        "merged": "model",
        "nothing_charged": "seeding",
    },
)
