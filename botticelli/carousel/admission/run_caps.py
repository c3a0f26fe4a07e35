"""Enforces the caps of a run, max_tokens_total and max_cost_usd, under the lock of its row in Postgres. Does not use Redis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from botticelli.budget import Refusal
from botticelli.store import Open, Run

NANO = 1_000_000_000


def run_scope(run: Run) -> str:
    """Return the name of the scope in a refusal by a cap of the run."""
    return f"run:{run.id}"


def exceeded_cap(run: Run, opened: Open) -> Refusal | None:
    """Return the refusal of another iteration that would exceed a cap of the run; None if none would be exceeded.

    Iterations in flight and parked ones count with their estimates. After a call of unknown cost nothing more is started,
    since the cost can't be compared with the cap.
    """
    for name, cap, used, each in _caps(run):
        spent = used + (opened.in_flight + opened.parked) * each
        if spent + each > cap:
            return Refusal(run_scope(run), name, cap, spent, each, None)
    return None


def _caps(run: Run) -> Iterator[tuple[str, int, int, int]]:
    """Return name, limit, use and estimate of one iteration for each cap; money in billionths of a dollar."""
    if run.max_tokens_total is not None:
        yield "max_tokens_total", run.max_tokens_total, run.used_tokens, run.estimated_tokens
    if run.max_cost_usd is not None:
        cap = math.floor(run.max_cost_usd * NANO)
        used = cap + 1 if run.cost_usd is None else nano(run.cost_usd)
        yield "max_cost_usd (in billionths)", cap, used, nano(run.estimated_cost_usd or Decimal(0))


def nano(usd: Decimal) -> int:
    return math.ceil(usd * NANO)
