"""Decides what a run does next, as pure functions of its row and its open iterations: the next step, and its caps.

A run without any success has failed, even with continue_on_error. The caps, max_tokens_total and max_cost_usd, are
enforced under the lock of the run's row, without Redis.

queued -> running <-> waiting          paused <-> running
running | waiting | paused -> completed | failed | budget_exhausted | cancelled     and back by resume
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from botticelli.budget import Refusal
from botticelli.statuses import FinalStatus
from botticelli.store import Open, Run


@dataclass(frozen=True, slots=True)
class Start:
    """Reserve a ticket for this iteration. `again`: it has run before, and waits for its second admission."""

    number: int
    again: bool


@dataclass(frozen=True, slots=True)
class Idle:
    """Start nothing now: iterations are in flight, or the run is paused."""


@dataclass(frozen=True, slots=True)
class End:
    """End the run."""

    status: FinalStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AwaitApproval:
    """Pause the run: all iterations that are left wait for the approval of an effect."""


Step = Start | Idle | End | AwaitApproval


def rows_missing(run: Run) -> str:
    """Say that the rows of a run were not all copied."""
    return (
        f"{run.admissible:,} of {run.iterations:,} iterations have their rows: the program that enqueued the run ended "
        "before it had copied all; enqueue again with the same idempotency key to go on"
    )


def is_abandoned(run: Run) -> bool:
    """Whether rows are missing and nobody copies them any more."""
    return run.lacks_rows and (run.rows_lease_until is None or run.rows_lease_until <= run.now)


def next_step(run: Run, opened: Open) -> Step:
    """Return what to do next for a locked run."""
    if run.is_final or run.status == "paused":
        return Idle()
    nothing_to_do = opened.in_flight == 0 and opened.waiting_number is None
    if run.ending is not None:
        return End(run.ending, run.reason) if nothing_to_do else Idle()
    if run.dispatched >= run.iterations and nothing_to_do:
        if opened.parked:
            return AwaitApproval()
        return End("failed" if run.failed and not run.succeeded else "completed")
    if opened.in_flight >= run.concurrency:
        return Idle()
    if opened.waiting_number is not None:
        return Start(opened.waiting_number, again=bool(opened.waiting_attempt))
    if run.dispatched >= run.admissible:
        return End("failed", rows_missing(run)) if nothing_to_do and is_abandoned(run) else Idle()
    return Start(run.dispatched + 1, again=False)


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
