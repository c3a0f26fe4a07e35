"""Simulates runs with a simulated clock, a Budget in memory, and calls that last as long as past ones.

Admission is the real `advance`, on rows in memory. Performs nothing, stores nothing.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from botticelli.budget import Amounts, Refusal, Scope, Ticket
from botticelli.budget.memory.preloaded import PreloadedBudget
from botticelli.carousel.admission.dispatch import advance
from botticelli.carousel.plan.plan_parts import PlanParts
from botticelli.carousel.plan.planned_calls import Call, Plan
from botticelli.narrative.model import Narrative
from botticelli.runtime.scopes import ScopePolicy
from botticelli.statuses import FinalStatus
from botticelli.store import ActiveOverrides, Open, Override, Run

ITERATION_SECONDS = 0.05
"""Duration of an iteration in addition to its calls: queue, rows, admission."""
MOST_STEPS = 50_000
MOST_IDLE_STEPS = 2000
"""Steps without the end of any iteration, after which the rest is assumed to wait for a person."""
MOST_DAYS = 400
NEVER_MS = 3_600_000
"""Wait of a call that will never be granted before it asks again."""
NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class CallFigures:
    """The expected usage and duration of one call of an act."""

    amounts: Amounts
    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal, its time, and the number of iterations that had been admitted by then."""

    refusal: Refusal
    at_ms: int
    admitted: int


@dataclass(slots=True)
class SimulatedRun:
    """A simulated run with its state. `ends` are the times at which its iterations ended."""

    run: Run
    narrative: Narrative
    plan: Plan
    figures: Mapping[int, CallFigures] = field(default_factory=dict)
    in_flight: int = 0
    ends: list[int] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    waiting_ms: int = 0

    def used(self, position: int) -> Amounts:
        """Return the usage of one call; without a figure, its drawn amounts."""
        return self.figures[position].amounts if position in self.figures else self.plan[position].amounts


LearnedByScope = Mapping[str, Mapping[str, int]]


class SimulatedParts:
    """The settings, drivers and prices of `real`, with a Budget and temporary limits of its own."""

    def __init__(
        self, real: PlanParts, clock_ms: Callable[[], int], overrides: ActiveOverrides, learned: LearnedByScope
    ) -> None:
        self.settings = real.settings
        self.drivers = real.drivers
        self.default_model = real.default_model
        self.price = real.price
        self.plans: dict[str, Plan] = {}
        self.events = _Silence()
        self.budget = PreloadedBudget(clock_ms)
        self.scopes = ScopePolicy(
            real.settings,
            lambda: real.drivers,
            lambda: self.budget,
            lambda scope, _: self._active(scope),
            lambda scope: learned.get(scope, {}),
        )
        self._clock_ms = clock_ms
        self._overrides = overrides

    def _active(self, scope: str) -> Mapping[str, Override]:
        now = _moment(self._clock_ms())
        of_scope = self._overrides.get(scope, {})
        return {name: override for name, override in of_scope.items() if override.until is None or override.until > now}


class _Silence:
    def tell(self, *_: Any, **__: Any) -> None:
        pass


class Simulation:
    """Simulates runs side by side from `start_ms` on: `add` them, then call `run_until_end` for one."""

    def __init__(
        self,
        real: PlanParts,
        start_ms: int,
        overrides: ActiveOverrides,
        learned: LearnedByScope | None = None,
        *,
        slots: int,
    ) -> None:
        self.now_ms = start_ms
        self.parts = SimulatedParts(real, lambda: self.now_ms, overrides, learned or {})
        self.runs: dict[str, SimulatedRun] = {}
        self._start_ms = start_ms
        self.on_end: Callable[[str], None] | None = None
        """Called with the id of each run that has ended."""
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._idle_steps = 0
        self._free_slots = slots
        self._queue: list[Iterator[int]] = []
        self._rows = _Rows(self)

    def add(self, simulated: SimulatedRun) -> None:
        """Add a run. A parked one is advanced when it is due, others now."""
        self.runs[simulated.run.id] = simulated
        self.parts.plans[simulated.run.id] = simulated.plan
        due_ms = (
            _ms(simulated.run.due_at) if simulated.run.status == "waiting" and simulated.run.due_at else self.now_ms
        )
        self._at(max(self.now_ms, due_ms), lambda: self._advance(simulated))

    def run_until_end(self, simulated: SimulatedRun, *, iterations: int) -> bool:
        """Simulate until the run is over, or until so many of its iterations have ended.

        Returns False when it goes on after all that may be simulated.
        """
        for _ in range(MOST_STEPS):
            if simulated.run.is_final or len(simulated.ends) >= iterations:
                return True
            self._idle_steps += 1
            if not self._events or self._idle_steps > MOST_IDLE_STEPS:
                return False
            if self._events[0][0] - self._start_ms > MOST_DAYS * 86_400_000:
                return False
            self.now_ms, _, step = heapq.heappop(self._events)
            step()
        return False

    def at(self, at_ms: int, step: Callable[[], None]) -> None:
        """Let something happen at a moment: a step from outside counts as progress."""

        def happen() -> None:
            self._idle_steps = 0
            step()

        self._at(max(self.now_ms, at_ms), happen)

    def run_until_idle(self, most_steps: int) -> bool:
        """Simulate until nothing is left to happen; False when something goes on after all that may be simulated."""
        for _ in range(most_steps):
            if not self._events:
                return True
            self._idle_steps += 1
            if self._idle_steps > MOST_IDLE_STEPS:
                return False
            if self._events[0][0] - self._start_ms > MOST_DAYS * 86_400_000:
                return False
            self.now_ms, _, step = heapq.heappop(self._events)
            step()
        return False

    def cancel(self, run_id: str) -> None:
        """End a run: what it has in flight ends, and nothing more is admitted."""
        self._rows.runs.finish(run_id, "cancelled", None)

    def perform(self, simulated: SimulatedRun, ticket: Ticket) -> None:
        """Queue an admitted iteration for a slot of a worker."""
        simulated.in_flight += 1
        self._queue.append(self._iteration(simulated, ticket))
        self._start_queued()

    def due(self, simulated: SimulatedRun, at: datetime) -> None:
        if simulated.run.status == "waiting":
            simulated.waiting_ms += max(0, _ms(at) - self.now_ms)
        self._at(_ms(at), lambda: self._wake(simulated))

    def _start_queued(self) -> None:
        while self._queue and self._free_slots:
            self._free_slots -= 1
            self._step(self._queue.pop(0))

    def _step(self, iteration: Iterator[int]) -> None:
        wait_ms = next(iteration, None)
        if wait_ms is not None:
            self._at(self.now_ms + wait_ms, lambda: self._step(iteration))

    def _at(self, at_ms: int, step: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_ms, next(self._numbers), step))

    def _wake(self, simulated: SimulatedRun) -> None:
        """Advance a run that is still due, as the sweep does."""
        if simulated.run.due_at is not None and _ms(simulated.run.due_at) <= self.now_ms:
            self._advance(simulated)

    def _advance(self, simulated: SimulatedRun) -> None:
        refusals = self.parts.budget.refusals
        refusals.clear()
        advance(self.parts, self._rows, self._rows.runs.lock(simulated.run.id))
        simulated.refusals += [Refused(refusal, self.now_ms, simulated.run.dispatched) for refusal in refusals]

    def _iteration(self, simulated: SimulatedRun, ticket: Ticket) -> Iterator[int]:
        """Perform an iteration; yields the waits of the simulated clock."""
        yield round(ITERATION_SECONDS * 1000)
        for position, call in simulated.plan.items():
            for turn in range(call.turns):
                yield from self._call(simulated, ticket, f"{position}.{turn}", position)
        self.parts.budget.release(ticket.id, [share.scope for share in ticket.shares])
        self._count(simulated)
        self._free_slots += 1
        self._advance(simulated)
        self._start_queued()

    def _call(self, simulated: SimulatedRun, ticket: Ticket, name: str, position: int) -> Iterator[int]:
        budget, draw_id = self.parts.budget, f"{ticket.id}:{name}"
        call = _granted(simulated.plan[position], ticket)
        for scope in call.scopes:
            while isinstance(refusal := budget.draw(ticket.id, draw_id, self._in_force(scope), call.amounts), Refusal):
                wait_ms = self.parts.scopes.with_retry(refusal, self._rows).retry_after_ms
                yield NEVER_MS if wait_ms is None else max(1, wait_ms)
        yield round(simulated.figures[position].seconds * 1000) if position in simulated.figures else 0
        for scope in reversed(call.scopes):
            budget.settle(ticket.id, draw_id, self._in_force(scope), simulated.used(position))

    def _in_force(self, scope: Scope) -> Scope:
        return self.parts.scopes.in_force(scope, self._rows)

    def _count(self, simulated: SimulatedRun) -> None:
        turns = [simulated.used(position) for position, call in simulated.plan.items() for _ in range(call.turns)]
        used = sum(turns, NOTHING)
        cost_usd = (
            None if simulated.run.cost_usd is None else simulated.run.cost_usd + Decimal(used.cost_microusd) / 1_000_000
        )
        self._idle_steps = 0
        simulated.in_flight -= 1
        simulated.ends.append(self.now_ms)
        simulated.run = dataclasses.replace(
            simulated.run,
            succeeded=simulated.run.succeeded + 1,
            input_tokens=simulated.run.input_tokens + used.tokens,
            cost_usd=cost_usd,
        )


class _Rows:
    """Keeps the rows that admission reads and writes in memory: one object for all its repositories."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.runs = self.iterations = self.run_actions = self.overrides = self

    def get(self, run_id: str) -> Run:
        simulated = self._simulation.runs[run_id]
        simulated.run = dataclasses.replace(simulated.run, now=_moment(self._simulation.now_ms))
        return simulated.run

    lock = get

    def open(self, run_id: str) -> Open:
        return Open(self._simulation.runs[run_id].in_flight, None, None)

    def set(self, run_id: str, **values: Any) -> None:
        simulated = self._simulation.runs[run_id]
        simulated.run = dataclasses.replace(simulated.run, **values)
        if simulated.run.due_at is not None and "due_at" in values:
            self._simulation.due(simulated, simulated.run.due_at)

    def finish(self, run_id: str, status: FinalStatus, reason: str | None) -> None:
        self.set(run_id, status=status, ending=status, reason=reason, due_at=None)
        if self._simulation.on_end is not None:
            self._simulation.on_end(run_id)

    def admit(
        self,
        run_id: str,
        tickets: Mapping[int, Mapping[str, Any]],
        grace_seconds: float,
        *,
        due_at: datetime | None = None,
        is_new: bool = False,
    ) -> dict[int, int]:
        run = self._simulation.runs[run_id].run
        going_on = {"status": "running", "dispatched": max(run.dispatched, *tickets), "reason": None}
        started_at = run.started_at or run.now
        self.set(run_id, **going_on, started_at=started_at, waiting_since=None, waiting_for=None, due_at=due_at)
        for ticket in tickets.values():
            self._simulation.perform(self._simulation.runs[run_id], Ticket.from_json(ticket))
        return dict.fromkeys(tickets, 1)

    def cancel_queued(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        return ()

    def parked(self, run_id: str) -> list[str]:
        return []

    def failures(self, run_id: str, limit: int = 3) -> str:
        return ""

    def record(self, run_id: str, action: str, *, actor: str, reason: str) -> None:
        pass

    def snapshot(self, run_id: str) -> Any:
        raise KeyError(run_id)  # the plan of a simulated run is given

    def in_force(self) -> ActiveOverrides:
        return {}


def _granted(call: Call, ticket: Ticket) -> Call:
    """Return the call of the model for which the ticket was granted."""
    held = {share.scope.name for share in ticket.shares}
    return next((option for option in (call, *call.fallbacks) if option.scope.name in held), call)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
