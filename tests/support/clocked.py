"""A budget whose time only the test moves: what a window does is no matter of how fast a machine is."""

from __future__ import annotations

import time

from sqlalchemy import func

from botticelli.budget.redis.redis_budget import RedisBudget
from botticelli.runtime.process import Runtime
from botticelli.testing.budget_cases.clock import ManualClock
from workers.recovery.sweep import sweep


def with_clock(runtime: Runtime) -> ManualClock:
    """From now on the runtime's budget goes by this clock, which begins at the time of this machine, as the ledger's."""
    clock = ManualClock(time.time_ns() // 1_000_000)
    runtime.__dict__["budget"] = RedisBudget(
        runtime.redis, prefix=runtime.settings.redis.prefix, reseed=runtime._past_charges, clock_ms=clock
    )
    return clock


def wake(runtime: Runtime, run_id: str) -> None:
    """Look at a run that waits as if it were due."""
    with runtime.store.transaction() as tx:
        tx.runs.set(run_id, due_at=func.now())
    sweep(runtime)
