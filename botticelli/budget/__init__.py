"""May this be spent now? Windows and limits per scope, tickets that hold and spend them.

Knows no provider and no run.
"""

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
