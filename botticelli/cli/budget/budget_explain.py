"""What `botticelli budget explain` finds out about one scope, and how it says it. Spends nothing."""

from __future__ import annotations

from typing import Any

from botticelli.budget import Scope
from botticelli.budget.limits import PUBLISHED
from botticelli.cli.base.formatting import number, safe
from botticelli.cli.base.layout import table, wrapped
from botticelli.cli.budget.budget_scopes import find_scope
from botticelli.cli.budget.lower_limits import override_line
from botticelli.cli.follow.budget_bars import gauge_lines
from botticelli.drivers import ModelName
from botticelli.errors import BotticelliError
from botticelli.runtime.process import Runtime
from botticelli.store import LearnedLimit

ACT_HEAD = ("narrative", "act", "model", "calls", "estimate", "actual", "p90", "actual/estimate")


def explanation(runtime: Runtime, name: str) -> dict[str, Any]:
    """Return what explains a scope.

    `usage` is the Budget's answer; `limits` says where they come from (None for scopes of one's own); `overrides` are
    in force; `learned` is what the provider's answers said; `holders` are tickets with their runs; `acts` compare
    estimates with what calls took in seven days.
    """
    scope = find_scope(runtime, name)
    usage = runtime.budget.usage(runtime.in_force(scope))
    with runtime.store.transaction() as tx:
        acts = tx.spending.by_act(scope.name)
        learned = tx.learned.of(scope.name)
        narratives = {run_id: tx.runs.narrative_name(run_id) for run_id in {_run_id(one) for one in usage.holders}}
    return {
        "scope": scope.name,
        "usage": usage,
        "usual_limits": {window.name: window.limit for window in scope.windows},
        "limits": _origin(runtime, scope),
        "guard": {
            "guard_ms": usage.guard_ms,
            "least_ms": scope.guard_ms,
            "most_ms": runtime.settings.budget.guard_max_ms,
        },
        "overrides": list(runtime.overrides_of(scope.name).values()),
        "holders": [_holder(ticket, narratives) for ticket in usage.holders],
        "learned": [_learned(scope, one) for one in learned],
        "acts": acts,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    said = gauge_lines([found["usage"]])
    origin = "; ".join(text for text in (found["limits"] or {}).values() if text)
    said += [f"  limits: {origin}"] if origin else []
    said += [_guard(found["guard"])]
    said += [f"  now: {override_line(one)}" for one in found["overrides"]]
    for one in found["learned"]:
        if one["differs"]:
            configured = number(one["configured"]) if one["configured"] is not None else "none"
            said.append(
                f"  differs: the provider says {one['name']} = {number(one['limit'])}, configured is {configured}"
            )
    for holder in found["holders"]:
        said.append(
            f"  held by run {safe(holder['run_id'])}, iteration {holder['number']} of {safe(holder['narrative'])}"
        )
    rows = [
        (
            one.narrative,
            one.act,
            one.model,
            number(one.calls),
            number(one.estimated_tokens),
            number(one.actual_tokens),
            number(one.p90_tokens),
            f"{one.actual_tokens / one.estimated_tokens:.2f}" if one.estimated_tokens else "-",
        )
        for one in found["acts"]
    ]
    doubtful = sum(one.doubtful_calls for one in found["acts"])
    if doubtful:
        calls = sum(one.calls for one in found["acts"])
        said.append(
            f"  doubtful usage: {number(doubtful)} of {number(calls)} calls in seven days; estimated, "
            "because the provider's count can't be true"
        )
    said = [piece for line in said for piece in wrapped(line)]
    return said + (["", *table(ACT_HEAD, rows, right=ACT_HEAD[3:], drops=("p90",), wraps=ACT_HEAD[:3])] if rows else [])


def _guard(guard: dict[str, int]) -> str:
    now, least = guard["guard_ms"], guard["least_ms"]
    why = "as workers measure" if now > least else "as the settings say"
    return (
        f"  guard: windows are {number(now)} ms longer than the provider's, {why} (up to {number(guard['most_ms'])} ms)"
    )


def _origin(runtime: Runtime, scope: Scope) -> dict[str, str | None] | None:
    """None for a scope that is no model's and no platform's, or whose driver isn't installed here."""
    pace = next((one for one in runtime.platforms.paces() if one.scope == scope.name), None)
    if pace is not None:
        return {"as_of": None, "source": pace.source, "note": None}
    name, _, tier = scope.name.rpartition("@")
    provider, slash, model = name.partition("/")
    if not slash:
        return None
    try:
        found = runtime.model_budget(ModelName(provider, model))
        if found.scope.name != scope.name:
            found = runtime.model_budget(ModelName(provider, model), tier)
    except BotticelliError:
        return None
    return {"as_of": found.as_of, "source": found.source, "note": found.note}


def _learned(scope: Scope, one: LearnedLimit) -> dict[str, Any]:
    """What a provider's answer said of a limit, beside what the settings make of it; multipliers are not counted in."""
    metric, period_seconds = PUBLISHED[one.name]
    windows = [w.limit for w in scope.windows if (w.metric, w.period_seconds) == (metric, period_seconds)]
    configured = min(windows, default=None)
    seen = {"name": one.name, "limit": one.limit, "learned_at": one.learned_at, "configured": configured}
    return {**seen, "differs": configured != one.limit}


def _run_id(ticket: str) -> str:
    return ticket.rpartition(":")[0].rpartition(":")[0]


def _holder(ticket: str, narratives: dict[str, str]) -> dict[str, Any]:
    """A ticket is called `run:number:attempt`."""
    run_id = _run_id(ticket)
    number_text = ticket.removeprefix(f"{run_id}:").partition(":")[0]
    return {"ticket": ticket, "run_id": run_id, "number": number_text, "narrative": narratives.get(run_id, "")}
