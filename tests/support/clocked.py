"""Gives a runtime a budget whose clock only the test moves, so that windows don't depend on the machine's speed."""

from __future__ import annotations

import time

from sqlalchemy import func

from botticelli.budget.redis.redis_budget import RedisBudget
from botticelli.runtime.process import Runtime
from botticelli.testing.budget_cases.clock import ManualClock
from tests.support.narratives import sweep


def with_clock(runtime: Runtime) -> ManualClock:
    """Replace the runtime's budget by one with a manual clock, which starts at this machine's time, like the ledger's."""
    clock = ManualClock(time.time_ns() // 1_000_000)
    runtime.__dict__["budget"] = RedisBudget(
        runtime.redis, prefix=runtime.settings.redis.prefix, reseed=runtime._past_charges, clock_ms=clock
    )
    return clock


def wake(runtime: Runtime, run_id: str) -> None:
    """Make a waiting run due, and sweep."""
    with runtime.store.transaction() as tx:
        tx.runs.set(run_id, due_at=func.now())
    sweep(runtime)
