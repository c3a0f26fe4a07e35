"""Measures how far a run is: what is done, its pace and its end, the window that binds, cost, and causes of failures."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from redis.exceptions import RedisError

from botticelli.budget import Scope, ScopeUsage
from botticelli.carousel import plan_of
from botticelli.errors import BotticelliError
from botticelli.runtime.process import Runtime
from botticelli.statuses import RunStatus
from botticelli.store import Pace, Run, Transaction, batch_rows

REFRESH_SECONDS = 1.0
NEAR_LIMIT = 0.9
"""Share of a window, used or held, from which it sets the pace of a run."""
UNDER_WAY = ("running", "waiting")


@dataclass(frozen=True, slots=True)
class BindingWindow:
    """The fullest window of the budgets of a run, named once it is nearly claimed: it sets the pace."""

    scope: str
    window: str
    used: int
    held: int
    limit: int

    @property
    def share(self) -> float:
        return min(1.0, (self.used + self.held) / self.limit)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    `done` of `total` are rows (`unit`) or, without rows, iterations; failed ones count as done. `copied` is how many rows
    are stored so far. `per_minute` is the pace of the last 500 iterations, `eta_seconds` the time left at that pace.
    `cost_usd` is the cost so far, `projected_cost_usd` that of the whole run at the same cost each. `failures` are the most
    frequent causes with their counts, `failure_causes` how many different ones there are. What is not known is None.
    """

    run_id: str
    status: RunStatus
    unit: Literal["rows", "iterations"]
    done: int
    total: int
    failed: int
    performing: int
    copied: int | None = None
    per_minute: float | None = None
    eta_seconds: float | None = None
    binding: BindingWindow | None = None
    cost_usd: Decimal | None = None
    projected_cost_usd: Decimal | None = None
    failures: tuple[tuple[str, int], ...] = ()
    failure_causes: int = 0


class ProgressReader:
    """Reads the progress of one run again and again; budgets and pace at most once a second."""

    def __init__(self, runtime: Runtime, run_id: str) -> None:
        self._runtime = runtime
        self._run_id = run_id
        self._scopes: list[Scope] | None = None
        self._batch = 1
        self._pace = Pace()
        self._read_at: float | None = None
        self.usage: tuple[ScopeUsage, ...] = ()
        """The usage of the budgets of the run; empty once it has ended."""
        self.models: list[str] = []

    def read(self, tx: Transaction, run: Run, performing: int) -> Progress:
        """Return the progress of the run as it was just read."""
        if self._scopes is None:
            self._scopes, self.models = scopes_of(self._runtime, tx, self._run_id)
            self._batch = batch_rows(tx.runs.snapshot(self._run_id).narrative)
        now = time.monotonic()
        if self._read_at is None or now - self._read_at >= REFRESH_SECONDS:
            self._pace = tx.iterations.pace(self._run_id)
            self.usage = () if run.is_final else tuple(self._runtime.budget.usage(scope) for scope in self._scopes)
            self._read_at = now
        failures = tx.iterations.failures(run.id) if run.failed else None
        progress = progress_of(run, performing, self._pace, self.usage, self._batch)
        return replace(progress, failures=failures.causes, failure_causes=failures.different) if failures else progress


def read_progress(runtime: Runtime, run_id: str) -> Progress:
    """Return the progress of a run, without its binding window while Redis is away. Raises NotFound."""
    with runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
        performing = 0 if run.is_final else len(tx.iterations.running(run_id))
        try:
            return ProgressReader(runtime, run_id).read(tx, run, performing)
        except (RedisError, BotticelliError):
            failures = tx.iterations.failures(run_id)
            batch = batch_rows(tx.runs.snapshot(run_id).narrative)
            progress = progress_of(run, performing, tx.iterations.pace(run_id), (), batch)
            return replace(progress, failures=failures.causes, failure_causes=failures.different)


def progress_of(run: Run, performing: int, pace: Pace, usage: Iterable[ScopeUsage] = (), batch: int = 1) -> Progress:
    """Compute the progress of a run from its row, the pace of its last iterations and the usage of its budgets."""
    attempted = run.succeeded + run.failed
    each = _seconds_each(run, pace)
    total = run.iterations if run.rows is None else run.rows
    is_partial = 0 < attempted < run.iterations
    return Progress(
        run.id,
        run.status,
        unit="iterations" if run.rows is None else "rows",
        done=min(total, attempted * batch),
        total=total,
        failed=min(total, run.failed * batch),
        performing=performing,
        copied=None if run.rows is None else min(total, run.admissible * batch),
        per_minute=60 * batch / each if each else None,
        eta_seconds=_eta_seconds(run, each),
        binding=binding_window(usage),
        cost_usd=run.cost_usd,
        projected_cost_usd=run.cost_usd / attempted * run.iterations
        if is_partial and run.cost_usd is not None
        else None,
    )


def scopes_of(runtime: Runtime, tx: Transaction, run_id: str) -> tuple[list[Scope], list[str]]:
    """Return the scopes and models of a run; both empty when a driver that it needs is not installed."""
    try:
        calls = plan_of(runtime, tx, run_id).values()
    except (BotticelliError, ValueError):  # ValueError: a rejected request has no narrative
        return [], []
    scopes = {scope.name: scope for call in calls for scope in call.scopes}
    return list(scopes.values()), sorted({str(call.model) for call in calls})


def binding_window(usage: Iterable[ScopeUsage]) -> BindingWindow | None:
    """Return the fullest window, once it is nearly claimed."""
    windows = (
        BindingWindow(scope.scope, window.window.name, window.used, window.held, window.window.limit)
        for scope in usage
        for window in scope.windows
        if window.window.limit
    )
    fullest = max(windows, key=lambda window: (window.used + window.held) / window.limit, default=None)
    return fullest if fullest is not None and fullest.share >= NEAR_LIMIT else None


def _seconds_each(run: Run, pace: Pace) -> float | None:
    """Return the seconds per iteration: of the last ones, or of all since the start while they are few."""
    if run.is_final or not pace.finished:
        ended = run.finished_at
        attempted = run.succeeded + run.failed
        return (ended - run.started_at).total_seconds() / attempted if ended and run.started_at and attempted else None
    if pace.is_whole and run.started_at is not None:
        return (run.now - run.started_at).total_seconds() / pace.finished
    return pace.seconds / pace.finished


def _eta_seconds(run: Run, seconds_each: float | None) -> float | None:
    """Estimate the seconds until the run ends, including the wait of a waiting run; None while unknown."""
    if seconds_each is None or run.status not in UNDER_WAY:
        return None
    left = seconds_each * (run.iterations - run.succeeded - run.failed)
    if run.status == "waiting" and run.due_at is not None:
        left += max(0.0, (run.due_at - run.now).total_seconds())
    return left
