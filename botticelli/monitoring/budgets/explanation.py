"""Collects everything that is known of one scope: its windows, limits, overrides, holders and estimates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from botticelli.budget import Scope
from botticelli.budget.adaptation import PUBLISHED, LearnedRange, needs_ramp
from botticelli.budget.figure_age import age_days, is_old
from botticelli.budget.limits import ModelBudget
from botticelli.drivers import ModelName
from botticelli.errors import BotticelliError
from botticelli.monitoring.budget_scopes import find_scope
from botticelli.runtime.process import Runtime
from botticelli.store import LearnedLimit


def explanation(runtime: Runtime, name: str, today: date | None = None) -> dict[str, Any]:
    """Collect everything about a scope; NotFound for an unknown or ambiguous name.

    `limits` names the source of its limits (None for custom scopes); `overrides` are in force; `learned` are limits in
    the provider's responses; `holders` are tickets with their runs; `acts` compare estimated with actual tokens over
    seven days.
    """
    scope = find_scope(runtime, name)
    limits = runtime.scopes.effective_limits.of(scope.name)
    bounds = limits.learned if limits else None
    usage = runtime.budget.usage(runtime.scopes.in_force(scope, act="look"))
    with runtime.store.transaction() as tx:
        acts = tx.spending.by_act(scope.name)
        learned = tx.learned.of(scope.name)
        narratives = {
            run_id: tx.runs.narrative_name(run_id) for run_id in {_run_id(ticket) for ticket in usage.holders}
        }
    return {
        "scope": scope.name,
        "usage": usage,
        "usual_limits": {window.name: window.limit for window in scope.windows},
        "limits": _origin(runtime, scope, today or datetime.now(UTC).date()),
        "ramp": _ramp(scope, limits),
        "guard": {
            "guard_ms": usage.guard_ms,
            "least_ms": scope.guard_ms,
            "most_ms": runtime.settings.budget.guard_max_ms,
        },
        "overrides": list(runtime.scopes.overrides_of(scope.name).values()),
        "holders": [_holder(ticket, narratives) for ticket in usage.holders],
        "learned": [_learned(scope, limit, bounds) for limit in learned],
        "acts": acts,
    }


def _origin(runtime: Runtime, scope: Scope, today: date) -> dict[str, str | None] | None:
    """Return the source of the limits; None for custom scopes and models whose driver is not installed.

    `confidence` says how the figures are known; `age` is a sentence on figures that are too old.
    """
    limit = next((limit for limit in runtime.platforms.platform_limits() if limit.scope == scope.name), None)
    if limit is not None:
        return {"as_of": None, "source": limit.source, "note": None, "confidence": None, "age": None}
    name, _, tier = scope.name.rpartition("@")
    provider, _, model = name.partition("/")
    if not tier or provider not in runtime.drivers.names():
        return None
    try:
        budget = runtime.scopes.model_budget(ModelName(provider, model), tier)
    except BotticelliError:
        try:
            budget = runtime.scopes.model_budget(ModelName(provider, model))
        except BotticelliError:
            return None
    if not model:
        return _account_origin(budget)
    days = age_days(budget.as_of, today)
    old = budget.has_rates and is_old(budget.as_of, today)
    return {
        "as_of": budget.as_of,
        "source": budget.source,
        "note": budget.note,
        "confidence": budget.confidence,
        "age": f"the figures are {days} days old: compare them with their source" if old else None,
    }


def _account_origin(budget: ModelBudget) -> dict[str, str | None]:
    note = "spend limits of all models of the provider; they count the cost of calls, where prices are known"
    return {"as_of": budget.as_of, "source": budget.source, "note": note, "confidence": None, "age": None}


def _ramp(scope: Scope, limits: ModelBudget | None) -> str | None:
    """Describe how the rates of a scope grow after a silence; None where they hold at once."""
    if limits is None or limits.ramp is None or not needs_ramp(scope, limits.ramp):
        return None
    ramp = limits.ramp
    names = [name for name in ("rpm", "tpm", "itpm", "otpm") if getattr(ramp, name) is not None]
    bases = ", ".join(f"{name} {getattr(ramp, name):,}" for name in names)
    growth, step, idle = f"{ramp.growth:g}", f"{ramp.step_seconds:g}", f"{ramp.idle_seconds:g}"
    return f"starts from {bases} after {idle} s without use, and grows {growth}-fold every {step} s"


def _learned(scope: Scope, learned: LearnedLimit, bounds: LearnedRange | None) -> dict[str, Any]:
    """Compare a limit in the provider's responses with the configured one, multipliers aside.

    `followed` is the limit in force because of it, within `bounds`; None where limits are not learned.
    """
    metric, period_seconds = PUBLISHED[learned.name]
    windows = [w.limit for w in scope.windows if (w.metric, w.period_seconds) == (metric, period_seconds)]
    configured = min(windows, default=None)
    followed = bounds.bounded(learned.name, learned.limit) if bounds else None
    return {
        "name": learned.name,
        "limit": learned.limit,
        "learned_at": learned.learned_at,
        "configured": configured,
        "differs": configured != learned.limit,
        "followed": followed,
        "bounds": [bounds.least[learned.name], bounds.most[learned.name]] if bounds and followed else None,
    }


def _run_id(ticket: str) -> str:
    return ticket.rpartition(":")[0].rpartition(":")[0]


def _holder(ticket: str, narratives: dict[str, str]) -> dict[str, Any]:
    """Split the name of a ticket, `run:number:attempt`, and add the run's narrative."""
    run_id = _run_id(ticket)
    number_text = ticket.removeprefix(f"{run_id}:").partition(":")[0]
    return {"ticket": ticket, "run_id": run_id, "number": number_text, "narrative": narratives.get(run_id, "")}
