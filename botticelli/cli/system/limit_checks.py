"""Checks the age of the published limits that apply here. Asks no provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from botticelli.budget.figure_age import MAX_DAYS, is_old
from botticelli.budget.limits import ModelBudget
from botticelli.monitoring.budget_scopes import models_in_use
from botticelli.runtime.process import Runtime


def old_figures(runtime: Runtime, today: date) -> Iterator[tuple[str, str]]:
    """Yield what is old and what to do, for each tier whose figures are older than 90 days."""
    by_tier: dict[str, dict[str, ModelBudget]] = defaultdict(dict)
    for model in models_in_use(runtime):
        budget = runtime.scopes.model_budget(model)
        if budget.has_rates and is_old(budget.as_of, today):
            by_tier[f"{model.provider} {budget.scope.name.rpartition('@')[2]}"][budget.scope.name] = budget
    for tier, budgets in sorted(by_tier.items()):
        names = ", ".join(sorted(name.partition("/")[2].partition("@")[0] for name in budgets))
        oldest = min(budgets.values(), key=lambda budget: budget.as_of or "")
        detail = f"limits of {tier} are older than {MAX_DAYS} days (since {oldest.as_of}): {names}"
        provider, _, tier_name = tier.partition(" ")
        place = f"[providers.{provider}.tiers.{tier_name}]"
        yield detail, f"compare them with {oldest.source}; set what has changed, with its as_of, in {place}"
