"""Forecasts a run before it is paid for: calls, tokens, cost, waits, effects, and how it would end.

Enqueues nothing, calls no model, performs no command.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from botticelli.carousel.checks.command_checks import check_commands
from botticelli.carousel.checks.media_and_tables import check_media
from botticelli.carousel.checks.model_keys import readiness_notes
from botticelli.carousel.checks.parameter_checks import check_parameters
from botticelli.carousel.checks.run_checks import checked_plan, limit_notes
from botticelli.carousel.checks.run_options import with_options
from botticelli.carousel.checks.variable_checks import check_variables
from botticelli.carousel.enqueuing.enqueue import EnqueueRequest, new_run
from botticelli.carousel.enqueuing.row_options import RunRows, measured_rows
from botticelli.carousel.forecast.act_forecasts import (
    ASSUMED_SECONDS,
    ActForecast,
    Range,
    act_forecasts,
    call_figures,
    cost_usd,
    requests,
    tokens,
)
from botticelli.carousel.forecast.baseline import Knowledge, Other, gather, with_schemas
from botticelli.carousel.forecast.effect_forecast import Effect, effects_of
from botticelli.carousel.forecast.simulation import MOST_DAYS, SimulatedRun, Simulation
from botticelli.carousel.plan.planned_calls import Plan, plan_iteration, scopes_in, with_multipliers
from botticelli.narrative import Loaded
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.store import NewRun, Run

MOST_SIMULATED = 2000
"""Maximum of simulated iterations. The rest of a longer run is extrapolated from the last half of them."""
NO_WORKER = "no worker is alive: the time in which one starts, some seconds, comes on top"
EXIT_CODES = {"completed": 0, "budget_exhausted": 3, "failed": 1}
Status = Literal["completed", "budget_exhausted", "failed", "endless"]


@dataclass(frozen=True, slots=True)
class Binding:
    """The first limit that refuses an iteration, and when. `window` may be a cap of the run."""

    scope: str
    window: str
    limit: int
    requested: int
    used: int
    iteration: int
    after_seconds: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of a run: its end and its usage.

    Totals are for all requested iterations. `status` is the final status, `performed` the number of iterations until then,
    `exit_code` that of `botticelli run`. `is_live`: with facts from running services.
    """

    narrative: str
    iterations: int
    is_live: bool
    requests: Range[int]
    tokens: Range[int] | None
    cost_usd: Range[Decimal] | None
    acts: tuple[ActForecast, ...]
    effects: tuple[Effect, ...]
    binding: Binding | None
    status: Status
    reason: str | None
    performed: int
    exit_code: int
    seconds: float
    waiting_seconds: float
    finishes_at: datetime | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def forecast(
    runtime: Runtime,
    loaded: Loaded,
    source: str,
    options: EnqueueRequest,
    *,
    services_run: bool,  # so Postgres and Redis can be asked
    workers: int = 0,  # that are alive; without any, one is assumed
    call_seconds: float | None = None,  # of each call, instead of its past
) -> Forecast:
    """Forecast a run. Raises the same errors as enqueuing."""
    narrative = _resolved(runtime, loaded.narrative, source, options, services_run=services_run)
    rows = measured_rows(runtime, loaded, narrative, options, is_live=services_run)
    knowledge = gather(runtime, narrative, services_run=services_run, rows=rows)
    new, plan, warnings = _checked(runtime, narrative, source, options, knowledge, rows=rows)
    known = partial(act_forecasts, runtime, narrative, plan, knowledge.calls, call_seconds=call_seconds)
    acts = known(tables=knowledge.tables, rows=rows.judge.sizes() if rows else {})
    retries = retries_of(narrative, plan, new.retries)
    ours = SimulatedRun(as_run(new), narrative, plan, call_figures(plan, acts, knowledge.calls))
    end = _simulate(runtime, ours, knowledge, slots=runtime.settings.worker.threads * max(1, workers))
    return Forecast(
        narrative=narrative.name,
        iterations=new.iterations,
        is_live=knowledge.is_live,
        requests=requests(acts, retries, new.iterations),
        tokens=tokens(acts, retries, new.iterations),
        cost_usd=cost_usd(acts, retries, new.iterations),
        acts=tuple(acts),
        effects=effects_of(runtime, narrative, new.iterations, rehearse=options.rehearse),
        binding=_binding(ours, end.start_ms),
        status=end.status,
        reason=ours.run.reason if end.status != "completed" else None,
        performed=end.performed,
        exit_code=EXIT_CODES.get(end.status, 0),
        seconds=end.seconds,
        waiting_seconds=end.waiting_seconds,
        finishes_at=end.finishes_at,
        warnings=(*map(str, loaded.warnings), *warnings),
        notes=(*_notes(knowledge, acts, end, new.iterations), *_unknowns(plan, acts), *([NO_WORKER] * (not workers))),
    )


def _resolved(
    runtime: Runtime, narrative: Narrative, source: str, options: EnqueueRequest, *, services_run: bool
) -> Narrative:
    """Return the narrative as the run would store it: with the options, and the schemas of content tables."""
    narrative = with_schemas(runtime, narrative, source, services_run=services_run)
    return with_options(runtime, with_multipliers(narrative, options.multipliers), options.run_options)


def _checked(
    runtime: Runtime,
    narrative: Narrative,
    source: str,
    options: EnqueueRequest,
    knowledge: Knowledge,
    *,
    rows: RunRows | None,
) -> tuple[NewRun, Plan, list[str]]:
    """Return the run as it would be stored, the plan of an iteration, and the warnings."""
    warnings = check_commands(runtime, narrative, source, rehearse=options.rehearse)
    plan = checked_plan(runtime, narrative, source, knowledge.estimates)
    check_media(runtime, plan, narrative, source)
    warnings += check_parameters(runtime, plan, narrative, source)
    check_variables(narrative, options.variables)
    new = new_run(runtime, narrative, plan, source, options, rows=rows)
    return new, plan, [*warnings, *limit_notes(plan), *readiness_notes(runtime, plan)]


@dataclass(frozen=True, slots=True)
class _End:
    start_ms: int
    status: Status
    performed: int
    seconds: float
    waiting_seconds: float
    is_extrapolated: bool = False

    @property
    def finishes_at(self) -> datetime | None:
        return None if self.status == "endless" else datetime.fromtimestamp(self.start_ms / 1000 + self.seconds, UTC)


def _simulate(runtime: Runtime, ours: SimulatedRun, knowledge: Knowledge, *, slots: int) -> _End:
    """Simulate the run together with the other active runs."""
    start_ms = round(time.time() * 1000)
    simulation = Simulation(runtime, start_ms, knowledge.overrides, knowledge.learned, slots=slots)
    scopes = scopes_in(ours.plan)
    for name, usage in knowledge.usages.items():
        simulation.parts.budget.begin_with(
            simulation.parts.scopes.in_force(scopes[name], act="look"), usage, knowledge.charges
        )
    for other in knowledge.others:
        simulation.add(as_simulated(runtime, other))
    simulation.add(ours)
    iterations = ours.run.iterations
    is_over = simulation.run_until_end(ours, iterations=min(iterations, MOST_SIMULATED))
    seconds = (max(ours.ends, default=simulation.now_ms) - start_ms) / 1000
    status: Status = "completed"
    if ours.run.is_final:
        status = ours.run.status  # type: ignore[assignment]
    elif not is_over:
        status = "endless"
    performed, waiting_seconds = len(ours.ends), ours.waiting_ms / 1000
    if status != "completed" or performed >= iterations:
        return _End(start_ms, status, performed, seconds, waiting_seconds)
    half = performed // 2
    pace_seconds = (ours.ends[-1] - ours.ends[half]) / 1000 / max(1, performed - 1 - half)
    rest_seconds = pace_seconds * (iterations - performed)
    waiting_seconds *= iterations / performed
    return _End(start_ms, status, iterations, seconds + rest_seconds, waiting_seconds, is_extrapolated=True)


def as_run(new: NewRun) -> Run:
    """Return the row of the run as if it had just been stored."""
    names = {field.name for field in dataclasses.fields(Run)}
    fixed = {name: getattr(new, name) for name in NewRun.__slots__ if name in names}
    values: dict[str, Any] = dict.fromkeys(names - fixed.keys()) | fixed
    counts = dict.fromkeys(("dispatched", "succeeded", "failed", "input_tokens", "cached_tokens", "output_tokens"), 0)
    return Run(**(values | counts | {"status": "queued", "cost_usd": Decimal(0)}))


def as_simulated(runtime: Runtime, other: Other) -> SimulatedRun:
    """Return another run for the simulation. The usage has its calls in flight already; they last as long as those here."""
    plan = plan_iteration(runtime, other.narrative, other.estimates)
    acts = act_forecasts(runtime, other.narrative, plan, {})
    return SimulatedRun(other.run, other.narrative, plan, call_figures(plan, acts, {}))


def retries_of(narrative: Narrative, plan: Plan, of_run: int) -> int:
    """Return the number of tries of one iteration that may fail."""
    own = [narrative.acts[position].retries for position in plan]
    return max((of_run if item is None else item for item in own), default=0)


def _binding(ours: SimulatedRun, start_ms: int) -> Binding | None:
    if not ours.refusals:
        return None
    refusal = ours.refusals[0]
    return Binding(
        refusal.refusal.scope,
        refusal.refusal.window,
        refusal.refusal.limit,
        refusal.refusal.requested,
        refusal.refusal.used,
        refusal.admitted + 1,
        (refusal.at_ms - start_ms) / 1000,
    )


def _unknowns(plan: Plan, acts: Sequence[ActForecast]) -> Iterator[str]:
    """Yield why figures have no range."""
    for what in dict.fromkeys(what for act in acts for what in act.unknown):
        yield f"{what} is known only when the act is performed: no range"
    calls = [option for call in plan.values() for option in (call, *call.fallbacks)]
    if unpriced := sorted({str(call.model) for call in calls if call.cost_usd is None}):
        yield f"the cost is unknown: no price of {', '.join(unpriced)} is known"


def _notes(knowledge: Knowledge, acts: Sequence[ActForecast], end: _End, iterations: int) -> Iterator[str]:
    if knowledge.note:
        yield knowledge.note
    elif not knowledge.is_live:
        yield "no services are running, and none were started: planned from empty budgets, without any past"
    if knowledge.others:
        yield f"{len(knowledge.others)} other run{'' if len(knowledge.others) == 1 else 's'} ask the same budgets"
    if assumed := [act.act for act in acts if act.seconds_source == "assumed"]:
        yield f"a call of {', '.join(assumed)} is assumed to last {ASSUMED_SECONDS:g} s; give --call-seconds to say better"
    if typed := [act.act for act in acts if act.repairs_per_iteration]:
        yield f"a typed answer of {', '.join(typed)} that does not fit is asked for once more: the worst figures count that"
    if end.is_extrapolated:
        yield f"{MOST_SIMULATED:,} of {iterations:,} iterations were simulated; the rest goes on at their pace"
    if end.status == "endless":
        yield f"no end was found within {MOST_DAYS} days: somebody has to raise or end a limit, or the run is very long"
