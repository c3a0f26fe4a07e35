"""Describes a narrative act by act, as plain values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botticelli.carousel.plan.planned_calls import Plan
    from botticelli.narrative.model import Act, Narrative, Reference
    from botticelli.runtime.process import Runtime


NAMED_KINDS = ("act", "previous", "state", "var")


def resolved(runtime: Runtime, narrative: Narrative, plan: Plan) -> dict[str, Any]:
    """Return the header of a narrative and its acts in order, as plain values."""
    carousel = narrative.carousel
    return {
        "name": narrative.name,
        "description": narrative.description,
        "iterations": carousel.iterations if carousel else 1,
        "carousel": carousel.model_dump(mode="json", exclude_none=True) if carousel else None,
        "variables": dict(narrative.variables),
        "acts": [_act(runtime, narrative, plan, position) for position in range(len(narrative.acts))],
    }


def _act(runtime: Runtime, narrative: Narrative, plan: Plan, position: int) -> dict[str, Any]:
    from botticelli.carousel.forecast.effect_forecast import effects_of
    from botticelli.narrative.templates.references import references

    act, call = narrative.acts[position], plan.get(position)
    alone = narrative.model_copy(update={"acts": (act,), "system": None})
    named = list(references(alone))
    return {
        "position": position + 1,
        "name": act.name,
        "line": act.line,
        "inputs": [_input(input_) for input_ in act.inputs],
        "model": str(call.model) if call else None,
        "schema": json.loads(act.answer_schema) if act.answer_schema else None,
        "schema_table": act.schema_table,
        "turns": call.turns if call else (act.carousel.iterations if act.carousel else 1),
        "estimated_tokens": call.tokens if call else 0,
        "estimate_source": call.estimate.source if call else None,
        "references": list(dict.fromkeys(reference.text for reference in named if reference.kind in NAMED_KINDS)),
        "needs": _needs(narrative, act, position, named),
        "skip_if": act.skip_if.reference.text if act.skip_if else None,
        "gate": _gate(act),
        "reads": list(dict.fromkeys(reference.name for reference in named if reference.kind == "state")),
        "writes": _writes(runtime, narrative, act),
        "effects": [f"{effect.platform} {effect.command}" for effect in effects_of(runtime, alone, 1, rehearse=True)],
    }


def _gate(act: Act) -> dict[str, Any] | None:
    """Return what judges the answers of an act, by the names of its keys; None when nothing does."""
    gate = act.gate
    if gate is None:
        return None
    judges = {"checks": gate.checks, "unique": gate.unique}
    return {
        **{name: judge.model_dump(mode="json", exclude_defaults=True) for name, judge in judges.items() if judge},
        **({"accept_if": gate.accept_if.reference.text} if gate.accept_if else {}),
        **({"redo": gate.redo} if gate.redo else {}),
        "attempts": gate.attempts,
        "otherwise": gate.otherwise,
    }


def _input(input_: Any) -> dict[str, Any]:
    """Return the type of an input, with the command, the length of a text, or its plain fields."""
    match input_.type:
        case "text":
            return {
                "type": "text",
                "characters": sum(len(part) for part in input_.content.parts if isinstance(part, str)),
            }
        case "bot_command":
            names = ("platform", "command", "required")
            return {"type": "bot_command", **{name: getattr(input_, name) for name in names}}
        case _:
            known = input_.model_dump(mode="json", exclude_none=True, exclude={"line"})
            return {key: value for key, value in known.items() if isinstance(value, str | int | bool)}


def _needs(narrative: Narrative, act: Act, position: int, named: list[Reference]) -> list[str]:
    """Return the acts an act needs: as declared, else those it refers to, and the one before for `{{previous}}`."""
    if act.needs is not None:
        prefix = act.scope.prefix if act.scope else ""
        return [f"{prefix}{name}" for name in act.needs]
    before = [narrative.acts[position - 1].name] if position else []
    referenced = [reference.name for reference in named if reference.kind == "act"]
    uses_previous = any(reference.kind == "previous" for reference in named)
    return list(dict.fromkeys([*referenced, *(before if uses_previous else [])]))


def _writes(runtime: Runtime, narrative: Narrative, act: Act) -> list[str]:
    """Return the state keys that an act writes; keys of captured ids end with NAME in place of the real name."""
    from botticelli.carousel.checks.command_checks import platform_of
    from botticelli.store.user_data.state import prefix_of_narrative

    keys = [f"{prefix_of_narrative(narrative.name_for(act))}.{act.output_var}"] if act.output_var else []
    for input_ in act.inputs:
        if input_.type == "bot_command":
            spec = platform_of(runtime, input_, rehearse=True).spec(input_.command)
            keys += [f"{input_.platform}.GUILD.{spec.captures}.NAME"] if spec and spec.captures else []
    return keys
