"""May this be spent now? Windows and limits per scope, tickets that hold and spend them.

Knows no provider and no run.
"""

from botticelli.budget.memory import MemoryBudget
from botticelli.budget.model import (
    BLOCKED,
    METRICS,
    Amounts,
    Budget,
    Draw,
    Metric,
    Refusal,
    Scope,
    ScopeUsage,
    Settlement,
    SettleOutcome,
    Share,
    Ticket,
    Window,
    WindowKind,
    WindowUsage,
    merged,
)
from botticelli.budget.redis import RedisBudget
from botticelli.budget.view import BudgetRemaining, ScopeBudget

__all__ = [
    "BLOCKED",
    "METRICS",
    "Amounts",
    "Budget",
    "BudgetRemaining",
    "Draw",
    "MemoryBudget",
    "Metric",
    "RedisBudget",
    "Refusal",
    "Scope",
    "ScopeBudget",
    "ScopeUsage",
    "SettleOutcome",
    "Settlement",
    "Share",
    "Ticket",
    "Window",
    "WindowKind",
    "WindowUsage",
    "merged",
]
