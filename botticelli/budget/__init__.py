"""Decides, for all processes on all machines at once, whether an amount may be spent now. Knows no provider and no run.

A scope (a model, a run) has windows. A window limits one metric in a period. How an amount moves through a window:

            reserve                 draw                     settle
    free ------------> held ---------------> in flight ----------------> charged -----> free
                        |    right before        |      what was used       ^    when it leaves
                        |    the request         |                          |    the window
                        |                        +--> settle(None), release, or the lease of the ticket runs out:
                        |                             what was drawn
                        +--> release, or the lease runs out: free

    reserve, draw  may return a Refusal: the window that refused, and when the same request fits; nothing is held then
    charge         free --> charged at once, without a ticket

`reserve` returns a ticket that holds its amounts in all scopes, or in none. Requests and input tokens are charged at the
draw; slots (`concurrency`) are free again after the settle. A provider's Retry-After closes a scope for every process
(`block_until`).

interface, protocol   data types, methods of a budget       redis/   the budget of a fleet: one Lua script for each call
scope_budget          short form for one scope              memory/  the same rules in one process, with any clock
limits, tiers, adaptation   published limits as scopes      audit/   recounts past spending against the limits

Names are imported on first use.
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
        Closing,
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
        SettleRequest,
        Share,
        Ticket,
        Waiter,
        WarmAct,
        Window,
        WindowKind,
        WindowUsage,
        merged,
    )
    from botticelli.budget.memory.memory_budget import MemoryBudget
    from botticelli.budget.protocol import Budget
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
    "Closing",
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
    "SettleRequest",
    "Settlement",
    "Share",
    "Ticket",
    "Waiter",
    "WarmAct",
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
        "Budget": "protocol",
        "BudgetRemaining": "scope_budget",
        "Closing": "interface",
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
        "SettleRequest": "interface",
        "Settlement": "interface",
        "Share": "interface",
        "Ticket": "interface",
        "Waiter": "interface",
        "WarmAct": "interface",
        "Window": "interface",
        "WindowKind": "interface",
        "WindowUsage": "interface",
        "merged": "interface",
        "nothing_charged": "redis.rebuild",
    },
)
