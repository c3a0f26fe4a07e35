"""Counts the iterations that may run now under the budget: decided as admission does, on a copy of the budget in memory.

Reserves nothing, and changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from botticelli.budget import Refusal, Scope
from botticelli.budget.memory.preloaded import PreloadedBudget
from botticelli.budget.scope_paused import ScopePaused
from botticelli.carousel.admission.dispatch import next_numbers, reserve, ticket_id
from botticelli.carousel.admission.state_machine import Start, exceeded_cap, next_step
from botticelli.carousel.plan.planned_calls import Plan, plan_of, scopes_in, shares
from botticelli.errors import BotticelliError
from botticelli.runtime.process import Runtime
from botticelli.runtime.scopes import OverrideRows
from botticelli.store import Demand, Open, Run, Transaction

MOST_RUNS = 200
"""How many runs are looked at, those first that were enqueued first: the others would have to wait for these."""
MOST_ITERATIONS = 10_000
"""Maximum of iterations that are counted for one run."""


@dataclass(frozen=True, slots=True)
class Admissible:
    """Counts of the iterations that may run now.

    `waiting` would be admitted if admission looked at all runs now; `closed` were admitted, but a scope that they need is
    closed or paused. `next_due_seconds` is the time until admission looks at a run again; None when none will be.
    """

    waiting: int
    closed: int
    next_due_seconds: float | None
    scopes: Mapping[str, Scope]
    """The scopes of all runs that were looked at."""


def count_admissible(runtime: Runtime, tx: Transaction) -> Admissible:
    """Count over the runs that were enqueued first. Raises the errors of an absent server."""
    parts = _CopiedParts(runtime)
    scopes: dict[str, Scope] = {}
    waiting = closed = 0
    for demand in tx.metrics.demands(MOST_RUNS):
        try:
            plan = plan_of(runtime, tx, demand.run_id)
        except (BotticelliError, ValueError):  # ValueError: a rejected request has no narrative
            continue
        scopes |= scopes_in(plan)
        if demand.ready and parts.is_closed(plan, tx):
            closed += demand.ready
        waiting += _grantable(parts, tx, plan, demand)
    return Admissible(waiting, closed, tx.runs.seconds_to_next_due(), scopes)


def _grantable(parts: _CopiedParts, tx: Transaction, plan: Plan, demand: Demand) -> int:
    """Count the iterations of a run that would get a ticket now, up to its concurrency and its caps."""
    run, opened, granted = tx.runs.get(demand.run_id), demand.opened, 0
    while granted < MOST_ITERATIONS and isinstance(step := next_step(run, opened), Start):
        if exceeded_cap(run, opened) is not None:
            break
        numbers = next_numbers(run, opened, step.number)
        answer = reserve(parts, tx, plan, [ticket_id(run, number, opened) for number in numbers])
        if isinstance(answer, Refusal):
            break
        granted += len(answer)
        run, opened = _after(run, opened, step.number, len(answer))
    return granted


def _after(run: Run, opened: Open, first: int, count: int) -> tuple[Run, Open]:
    """Return the run and its open iterations as they would be after these admissions."""
    run = replace(run, dispatched=max(run.dispatched, first + count - 1))
    in_flight = opened.in_flight + count
    if opened.waiting_number == first:
        return run, replace(opened, in_flight=in_flight, waiting_number=None, waiting_attempt=None)
    return run, replace(opened, in_flight=in_flight)


class _CopiedParts:
    """The parts that reserve: the limits of this process, and its budget as it is now, copied scope by scope."""

    def __init__(self, runtime: Runtime) -> None:
        self.settings = runtime.settings
        self.budget = PreloadedBudget(lambda: round(time.time() * 1000))
        self.scopes = _CopyingScopes(runtime, self.budget)

    def is_closed(self, plan: Plan, tx: Transaction) -> bool:
        """Whether a scope that the calls need is paused, or closed by the provider."""
        scopes = [self.scopes.in_force(share.scope, tx) for share in shares(plan)]
        return self.scopes.paused(scopes, tx) is not None or any(scope.name in self.scopes.blocked for scope in scopes)


class _CopyingScopes:
    """Says which limits are in force, and copies the usage of each scope when it is first asked for."""

    def __init__(self, runtime: Runtime, budget: PreloadedBudget) -> None:
        self._runtime = runtime
        self._budget = budget
        self._scopes: dict[str, Scope] = {}
        self.blocked: set[str] = set()

    def in_force(self, scope: Scope, rows: OverrideRows | None = None) -> Scope:
        if scope.name not in self._scopes:
            current = self._scopes[scope.name] = self._runtime.scopes.in_force(scope, rows, act="look")
            usage = self._runtime.budget.usage(current)
            self._budget.begin_with(current, usage, ())
            if usage.blocked_for_ms:
                self.blocked.add(scope.name)
        return self._scopes[scope.name]

    def paused(self, scopes: Iterable[Scope], rows: OverrideRows | None = None) -> ScopePaused | None:
        return self._runtime.scopes.paused(scopes, rows)
