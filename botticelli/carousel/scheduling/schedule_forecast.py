"""Forecasts what all schedules would take in the coming time: their runs side by side, under the budgets that they share.

Each time is decided on by the policies that decide when it fires; admission is that of the simulation. Starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from botticelli.carousel.forecast.act_forecasts import Number, Range, act_forecasts, call_figures, cost_usd, tokens
from botticelli.carousel.forecast.baseline import Knowledge, gather
from botticelli.carousel.forecast.forecast import NO_WORKER, as_run, retries_of
from botticelli.carousel.plan.planned_calls import plan_iteration
from botticelli.carousel.scheduling.planned_narratives import RunTemplate, Templates
from botticelli.carousel.scheduling.simulated_schedules import MAX_TIMES, RunFigures, ScheduleRole, ScheduleStage
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import demands_from_rows
from botticelli.store import DueSchedule, Schedule


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """Forecast of one time. `ends_at` is None for one that starts nothing, or has no end in sight."""

    schedule: str
    nominal_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    comes_to: str
    """The status of its run at its end, or running; or skipped_overlap, excluded, buffered."""


@dataclass(frozen=True, slots=True)
class ScheduleForecast:
    """The forecast of one schedule; tokens and cost are those of all its runs. `problem` is why none can run."""

    name: str
    times: int
    runs: int
    skipped: int
    buffered: int
    """Times that would wait for a run before, whether or not they start in the end."""
    excluded: int
    tokens: Range[int] | None
    cost_usd: Range[Decimal] | None
    longest_seconds: float
    waiting_seconds: float
    """How long its runs would wait for a limit, together."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SchedulesForecast:
    """The forecast of all active schedules, and of each time of theirs in order."""

    begins_at: datetime
    ends_at: datetime
    schedules: tuple[ScheduleForecast, ...]
    tokens: Range[int] | None
    cost_usd: Range[Decimal] | None
    runs: tuple[PlannedRun, ...]
    notes: tuple[str, ...]


def forecast_schedules(
    runtime: Runtime, *, seconds: float, workers: int = 0, call_seconds: float | None = None
) -> SchedulesForecast:
    """Simulate all active schedules for the coming `seconds`. `call_seconds` replaces what is known of past calls."""
    with runtime.store.transaction() as tx:
        schedules, begins_at = tx.schedules.all(), tx.schedules.now()
    active = [schedule for schedule in schedules if schedule.paused_at is None and schedule.next_at is not None]
    known, roles, problems = _cast(runtime, active, call_seconds)
    ends_at = begins_at + timedelta(seconds=seconds)
    slots = runtime.settings.worker.threads * max(1, workers)
    stage = ScheduleStage(runtime, begins_at, ends_at, known, slots=slots)
    is_whole = stage.play(roles)
    forecasts = [*map(_forecast, roles), *problems]
    return SchedulesForecast(
        begins_at,
        ends_at,
        tuple(sorted(forecasts, key=lambda each: each.name)),
        _sum([each.tokens for each in forecasts if each.problem is None], 0),
        _sum([each.cost_usd for each in forecasts if each.problem is None], Decimal(0)),
        tuple(sorted((run for role in roles for run in _runs(role)), key=lambda run: (run.nominal_at, run.schedule))),
        tuple(_notes(schedules, problems, stage, is_whole=is_whole, workers=workers)),
    )


def _cast(
    runtime: Runtime, active: Sequence[Schedule], call_seconds: float | None
) -> tuple[list[Knowledge], list[ScheduleRole], list[ScheduleForecast]]:
    """Prepare the runs of each schedule, the same request once; return what is known, the roles and what can't run."""
    templates = Templates(runtime)
    figures: dict[int, tuple[RunTemplate, RunFigures]] = {}
    """By the identity of a template, which lives as long as this does."""
    known: list[Knowledge] = []
    roles, problems = [], []
    for schedule in active:
        template = templates.of(DueSchedule(schedule.id, schedule.version, is_timed=True))
        if template is None or template.refusal is not None:
            problem = "it was just changed" if template is None else template.refusal
            problems.append(ScheduleForecast(schedule.name, 0, 0, 0, 0, 0, None, None, 0.0, 0.0, problem))
            continue
        if id(template) not in figures:
            template.close()
            run, knowledge = _figures(runtime, template, call_seconds)
            figures[id(template)] = template, run
            known.append(knowledge)
        roles.append(ScheduleRole(schedule, figures[id(template)][1]))
    return known, roles, problems


def _figures(runtime: Runtime, template: RunTemplate, call_seconds: float | None) -> tuple[RunFigures, Knowledge]:
    """Return what each run of a template takes, and what the services know of it."""
    new = template.new
    narrative = Narrative.model_validate(new.snapshot)
    knowledge = gather(runtime, narrative, services_run=True)
    plan = plan_iteration(runtime, narrative, knowledge.estimates, demands_from_rows(new.demands))
    acts = act_forecasts(runtime, narrative, plan, knowledge.calls, call_seconds=call_seconds, tables=knowledge.tables)
    retries = retries_of(narrative, plan, new.retries)
    figures = RunFigures(
        as_run(new),
        narrative,
        plan,
        call_figures(plan, acts, knowledge.calls),
        tokens(acts, retries, new.iterations),
        cost_usd(acts, retries, new.iterations),
    )
    return figures, knowledge


def _forecast(role: ScheduleRole) -> ScheduleForecast:
    counts = role.counts()
    spans = [(end - start).total_seconds() for start, end in role.spans()]
    runs = len(role.started)
    return ScheduleForecast(
        role.schedule.name,
        len(role.times),
        runs,
        counts["skipped_overlap"],
        counts["buffered"],
        counts["excluded"],
        _times(role.figures.tokens, runs),
        _times(role.figures.cost_usd, runs),
        max(spans, default=0.0),
        sum(each.simulated.waiting_ms for each in role.started.values()) / 1000,
    )


def _runs(role: ScheduleRole) -> Iterator[PlannedRun]:
    for time, action in role.times.items():
        started = role.started.get(time)
        if started is None:
            yield PlannedRun(role.schedule.name, time, None, None, action)
        else:
            run = started.simulated.run
            status = run.status if run.is_final else "running"
            yield PlannedRun(role.schedule.name, time, started.starts_at, started.ends_at, status)


def _times(span: Range[Number] | None, runs: int) -> Range[Number] | None:
    return None if span is None else Range(span.low * runs, span.expected * runs, span.worst * runs)


def _sum(spans: Sequence[Range[Number] | None], nothing: Number) -> Range[Number] | None:
    """Return the sum; None when any of them is unknown."""
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return None
    low, expected, worst = ([getattr(span, name) for span in known] for name in ("low", "expected", "worst"))
    return Range(sum(low, nothing), sum(expected, nothing), sum(worst, nothing))


def _notes(
    schedules: Sequence[Schedule],
    problems: Sequence[ScheduleForecast],
    stage: ScheduleStage,
    *,
    is_whole: bool,
    workers: int,
) -> Iterator[str]:
    for problem in problems:
        yield f"{problem.name} can't run: {problem.problem}"
    if paused := [schedule.name for schedule in schedules if schedule.paused_at is not None]:
        yield f"paused and left out: {', '.join(paused)}"
    if stage.is_cut:
        yield f"only the first {MAX_TIMES:,} times were simulated: ask for fewer days"
    if not is_whole:
        yield "some runs have no end in sight: a limit holds them up for days, or they are very long"
    if workers == 0:
        yield NO_WORKER
