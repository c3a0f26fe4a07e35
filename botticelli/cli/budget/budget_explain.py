"""Collects and formats what `botticelli budget explain` shows of one scope."""

from __future__ import annotations

from typing import Any

from botticelli.cli.base.formatting import number, safe
from botticelli.cli.base.layout import table, wrapped
from botticelli.cli.budget.lower_limits import override_line
from botticelli.cli.follow.budget_bars import gauge_lines
from botticelli.store import ActUsage

ACT_HEAD = ("narrative", "act", "model", "calls", "estimate", "actual", "p90", "actual/estimate")


def lines(result: dict[str, Any]) -> list[str]:
    """Format the explanation for people."""
    texts = gauge_lines([result["usage"]])
    shown = {"confidence": "confidence: {}"}
    origin = "; ".join(shown.get(key, "{}").format(text) for key, text in (result["limits"] or {}).items() if text)
    texts += [f"  limits: {origin}"] if origin else []
    texts += [f"  ramp: {result['ramp']}"] if result.get("ramp") else []
    texts += [_guard(result["guard"])]
    texts += [f"  now: {override_line(override)}" for override in result["overrides"]]
    texts += [_learned_line(learned) for learned in result["learned"] if learned["differs"] or learned["followed"]]
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


def _learned_line(learned: dict[str, Any]) -> str:
    said = f"the provider says {learned['name']} = {number(learned['limit'])}"
    if learned["followed"] is not None:
        least, most = map(number, learned["bounds"])
        return f"  learned: {said}, in force: {number(learned['followed'])} (bounds {least} to {most})"
    configured = number(learned["configured"]) if learned["configured"] is not None else "none"
    return f"  differs: {said}, configured: {configured}"
