"""Collects and formats what `botticelli budget explain` shows of one scope."""

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
from botticelli.store import ActUsage, LearnedLimit

ACT_HEAD = ("narrative", "act", "model", "calls", "estimate", "actual", "p90", "actual/estimate")


def explanation(runtime: Runtime, name: str) -> dict[str, Any]:
    """Collect everything about a scope; NotFound for an unknown or ambiguous name.

    `limits` names the source of its limits (None for custom scopes); `overrides` are in force; `learned` are limits in
    the provider's responses; `holders` are tickets with their runs; `acts` compare estimated with actual tokens over
    seven days.
    """
    scope = find_scope(runtime, name)
    usage = runtime.budget.usage(runtime.in_force(scope))
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
        "limits": _origin(runtime, scope),
        "guard": {
            "guard_ms": usage.guard_ms,
            "least_ms": scope.guard_ms,
            "most_ms": runtime.settings.budget.guard_max_ms,
        },
        "overrides": list(runtime.overrides_of(scope.name).values()),
        "holders": [_holder(ticket, narratives) for ticket in usage.holders],
        "learned": [_learned(scope, limit) for limit in learned],
        "acts": acts,
    }


def lines(result: dict[str, Any]) -> list[str]:
    """Format the explanation for people."""
    texts = gauge_lines([result["usage"]])
    origin = "; ".join(text for text in (result["limits"] or {}).values() if text)
    texts += [f"  limits: {origin}"] if origin else []
    texts += [_guard(result["guard"])]
    texts += [f"  now: {override_line(override)}" for override in result["overrides"]]
    for learned in result["learned"]:
        if learned["differs"]:
            configured = number(learned["configured"]) if learned["configured"] is not None else "none"
            texts.append(
                f"  differs: the provider says {learned['name']} = {number(learned['limit'])}, configured: {configured}"
            )
    for holder in result["holders"]:
        texts.append(
            f"  held by run {safe(holder['run_id'])}, iteration {holder['number']} of {safe(holder['narrative'])}"
        )
    rows = [_act_row(act) for act in result["acts"]]
    doubtful = sum(act.doubtful_calls for act in result["acts"])
    if doubtful:
        calls = sum(act.calls for act in result["acts"])
        texts.append(
            f"  doubtful usage: {number(doubtful)} of {number(calls)} calls in seven days; estimated, "
            "because the provider's count can't be true"
        )
    texts = [piece for line in texts for piece in wrapped(line)]
    if rows:
        texts += ["", *table(ACT_HEAD, rows, right=ACT_HEAD[3:], drops=("p90",), wraps=ACT_HEAD[:3])]
    return texts


def _act_row(act: ActUsage) -> tuple[str, ...]:
    return (
        act.narrative,
        act.act,
        act.model,
        number(act.calls),
        number(act.estimated_tokens),
        number(act.actual_tokens),
        number(act.p90_tokens),
        f"{act.actual_tokens / act.estimated_tokens:.2f}" if act.estimated_tokens else "-",
    )


def _guard(guard: dict[str, int]) -> str:
    now, least = guard["guard_ms"], guard["least_ms"]
    source = "measured by workers" if now > least else "from the settings"
    most = number(guard["most_ms"])
    return f"  guard: windows are {number(now)} ms longer than the provider's, {source} (maximum {most} ms)"


def _origin(runtime: Runtime, scope: Scope) -> dict[str, str | None] | None:
    """Return the source of the limits; None for custom scopes and models whose driver is not installed."""
    limit = next((limit for limit in runtime.platforms.platform_limits() if limit.scope == scope.name), None)
    if limit is not None:
        return {"as_of": None, "source": limit.source, "note": None}
    name, _, tier = scope.name.rpartition("@")
    provider, slash, model = name.partition("/")
    if not slash:
        return None
    try:
        budget = runtime.model_budget(ModelName(provider, model))
        if budget.scope.name != scope.name:
            budget = runtime.model_budget(ModelName(provider, model), tier)
    except BotticelliError:
        return None
    return {"as_of": budget.as_of, "source": budget.source, "note": budget.note}


def _learned(scope: Scope, learned: LearnedLimit) -> dict[str, Any]:
    """Compare a limit in the provider's responses with the configured one, multipliers aside."""
    metric, period_seconds = PUBLISHED[learned.name]
    windows = [w.limit for w in scope.windows if (w.metric, w.period_seconds) == (metric, period_seconds)]
    configured = min(windows, default=None)
    return {
        "name": learned.name,
        "limit": learned.limit,
        "learned_at": learned.learned_at,
        "configured": configured,
        "differs": configured != learned.limit,
    }


def _run_id(ticket: str) -> str:
    return ticket.rpartition(":")[0].rpartition(":")[0]


def _holder(ticket: str, narratives: dict[str, str]) -> dict[str, Any]:
    """Split the name of a ticket, `run:number:attempt`, and add the run's narrative."""
    run_id = _run_id(ticket)
    number_text = ticket.removeprefix(f"{run_id}:").partition(":")[0]
    return {"ticket": ticket, "run_id": run_id, "number": number_text, "narrative": narratives.get(run_id, "")}
