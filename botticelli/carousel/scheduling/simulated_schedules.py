"""Plays schedules on the clock of a simulation: fires their times, applies their overlap policies, starts their runs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from botticelli.carousel.forecast.act_forecasts import Range
from botticelli.carousel.forecast.baseline import Knowledge
from botticelli.carousel.forecast.forecast import as_simulated
from botticelli.carousel.forecast.simulation import CallFigures, SimulatedRun, Simulation
from botticelli.carousel.plan.planned_calls import Plan, scopes_in
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.schedules.decisions import Decision, Situation, Verdict, overlapped
from botticelli.schedules.timetable import Timetable
from botticelli.store import Run, Schedule

MAX_TIMES = 5000
"""Times of all schedules that are simulated."""
MOST_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Expected usage of each run of a schedule."""

    run: Run
    narrative: Narrative
    plan: Plan
    calls: Mapping[int, CallFigures]
    tokens: Range[int] | None
    cost_usd: Range[Decimal] | None


@dataclass(slots=True)
class Started:
    """A simulated run of a schedule. `ends_at` is None while it goes on."""

    simulated: SimulatedRun
    starts_at: datetime
    ends_at: datetime | None = None


@dataclass(slots=True)
class ScheduleRole:
    """One schedule in the simulation: what each of its times has come to, and the runs that it started."""

    schedule: Schedule
    figures: RunFigures
    times: dict[datetime, str] = field(default_factory=dict)
    started: dict[datetime, Started] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    buffered: list[datetime] = field(default_factory=list)
    delayed: set[datetime] = field(default_factory=set)
    """Times that were buffered at first."""

    def counts(self) -> Counter[str]:
        """Count the times by what they came to; `buffered` counts those that waited, whatever became of them."""
        return Counter(self.times.values()) | Counter({"buffered": len(self.delayed)})

    def spans(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield start and end of each run that has ended."""
        return ((each.starts_at, each.ends_at) for each in self.started.values() if each.ends_at is not None)


class ScheduleStage:
    """A simulation from `begins_at` on in which schedules fire until `ends_at`; their runs go on after that."""

    def __init__(
        self, runtime: Runtime, begins_at: datetime, ends_at: datetime, known: Sequence[Knowledge], *, slots: int
    ) -> None:
        overrides = known[0].overrides if known else {}
        learned = {name: limits for each in known for name, limits in each.learned.items()}
        self._simulation = Simulation(runtime, _ms(begins_at), overrides, learned, slots=slots)
        self._simulation.on_end = self._ended
        self._begins_at, self._ends_at = begins_at, ends_at
        self._roles_by_run: dict[str, tuple[ScheduleRole, datetime | None]] = {}
        self._real = runtime
        self._known = known
        self._fired = 0

    @property
    def is_cut(self) -> bool:
        return self._fired >= MAX_TIMES

    def play(self, roles: Sequence[ScheduleRole]) -> bool:
        """Simulate until every run has ended; False when one has no end in sight."""
        self._set_up(roles)
        for role in roles:
            table = Timetable(role.schedule.definition)
            self._plan_next(role, table, table.after(max(role.schedule.last_nominal, self._begins_at)))
        is_over = self._simulation.run_until_idle(MOST_STEPS)
        return is_over and not any(role.unfinished for role in roles)

    def _set_up(self, roles: Sequence[ScheduleRole]) -> None:
        """Begin with the budgets as they are, and with the runs that go on."""
        begun: set[str] = set()
        scopes = {name: scope for role in roles for name, scope in scopes_in(role.figures.plan).items()}
        by_schedule = {role.schedule.id: role for role in roles}
        for each in self._known:
            for name in each.usages.keys() - begun:
                scope = self._simulation.parts.scopes.in_force(scopes[name], act="look")
                self._simulation.parts.budget.begin_with(scope, each.usages[name], each.charges)
            begun |= each.usages.keys()
            for other in each.others:
                if other.run.id not in self._simulation.runs:
                    self._simulation.add(as_simulated(self._real, other))
                    if (role := by_schedule.get(other.run.schedule_id or "")) is not None:
                        role.unfinished.append(other.run.id)
                        self._roles_by_run[other.run.id] = role, None

    def _plan_next(self, role: ScheduleRole, table: Timetable, upcoming: Iterator[datetime]) -> None:
        """Let the next time of a schedule fire when it is due."""
        time = next(upcoming, None)
        if time is None or time > self._ends_at or self.is_cut:
            return
        due_at = table.due_at(role.schedule.id, time, None)

        def fire() -> None:
            self._fire(role, table, time)
            self._plan_next(role, table, upcoming)

        self._simulation.at(_ms(due_at), fire)

    def _fire(self, role: ScheduleRole, table: Timetable, time: datetime) -> None:
        """Decide on a time as when it fires."""
        remaining = None if role.schedule.remaining is None else role.schedule.remaining - len(role.started)
        if remaining is not None and remaining <= len(role.buffered):
            return
        self._fired += 1
        if table.exclusion_of(time) is not None:
            role.times[time] = "excluded"
            return
        running = f"run {role.unfinished[-1]}" if role.unfinished else ""
        verdict = Verdict()
        situation = Situation(running, len(role.buffered))
        decision = overlapped(role.schedule.overlap, Decision(time, "started"), situation, verdict)
        role.times[time] = decision.action
        if verdict.replaces:
            role.times |= dict.fromkeys(role.buffered, "skipped_overlap")
            role.buffered.clear()
        if decision.action == "started":
            self._start(role, time)
        elif decision.action == "buffered":
            role.buffered.append(time)
            role.delayed.add(time)
        for run_id in [*role.unfinished] if verdict.cancels else ():
            self._simulation.cancel(run_id)

    def _start(self, role: ScheduleRole, time: datetime) -> None:
        run_id = f"{role.schedule.id}/{len(role.started) + 1}"
        run = dataclasses.replace(role.figures.run, id=run_id, schedule_id=role.schedule.id)
        simulated = SimulatedRun(run, role.figures.narrative, role.figures.plan, role.figures.calls)
        role.started[time] = Started(simulated, self._now())
        role.times[time] = "started"
        role.unfinished.append(run_id)
        self._roles_by_run[run_id] = role, time
        self._simulation.add(simulated)

    def _ended(self, run_id: str) -> None:
        """Record the end of a run, and start the time that was buffered behind it."""
        role, time = self._roles_by_run.get(run_id, (None, None))
        if role is None or run_id not in role.unfinished:
            return
        role.unfinished.remove(run_id)
        if time is not None:
            role.started[time].ends_at = self._now()
        if role.buffered and not role.unfinished:
            self._simulation.at(_ms(self._now()), lambda: self._start_buffered(role))

    def _start_buffered(self, role: ScheduleRole) -> None:
        if role.buffered and not role.unfinished:
            self._start(role, role.buffered.pop(0))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._simulation.now_ms / 1000, UTC)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
