"""`botticelli narrative show`: a narrative as it will be performed, act by act. Performs and estimates nothing anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botticelli.cli.base.formatting import iterations, number, safe

if TYPE_CHECKING:
    from botticelli.carousel.plan.planned_calls import Plan
    from botticelli.narrative.model import Act, Narrative, Reference
    from botticelli.runtime.process import Runtime

NAMED_KINDS = ("act", "previous", "state", "var")


def resolved(runtime: Runtime, narrative: Narrative, plan: Plan) -> dict[str, Any]:
    """Plain values: the header, and the acts in their order."""
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
        "inputs": [_input(one) for one in act.inputs],
        "model": str(call.model) if call else None,
        "turns": call.turns if call else (act.carousel.iterations if act.carousel else 1),
        "estimated_tokens": call.tokens if call else 0,
        "estimate_source": call.estimate.source if call else None,
        "references": list(dict.fromkeys(one.text for one in named if one.kind in NAMED_KINDS)),
        "needs": _needs(narrative, act, position, named),
        "skip_if": act.skip_if.reference.text if act.skip_if else None,
        "reads": list(dict.fromkeys(one.name for one in named if one.kind == "state")),
        "writes": _writes(runtime, narrative, act),
        "effects": [f"{one.platform} {one.command}" for one in effects_of(runtime, alone, 1, rehearse=True)],
    }


def _input(one: Any) -> dict[str, Any]:
    """Kind and, of a command, its name; of anything else what it says about itself."""
    match one.type:
        case "text":
            return {"type": "text", "characters": sum(len(part) for part in one.content.parts if isinstance(part, str))}
        case "bot_command":
            return {"type": "bot_command", "platform": one.platform, "command": one.command, "required": one.required}
        case _:
            known = one.model_dump(mode="json", exclude_none=True, exclude={"line"})
            return {key: value for key, value in known.items() if isinstance(value, str | int | bool)}


def _needs(narrative: Narrative, act: Act, position: int, named: list[Reference]) -> list[str]:
    """What it says; else the acts that it names, and the one before for `{{previous}}`."""
    if act.needs is not None:
        prefix = act.scope.prefix if act.scope else ""
        return [f"{prefix}{one}" for one in act.needs]
    before = [narrative.acts[position - 1].name] if position else []
    said = [one.name for one in named if one.kind == "act"]
    return list(dict.fromkeys([*said, *(before if any(one.kind == "previous" for one in named) else [])]))


def _writes(runtime: Runtime, narrative: Narrative, act: Act) -> list[str]:
    """The keys of state that it writes; what a bot command captures goes by its kind."""
    from botticelli.carousel.checks.command_checks import platform_of
    from botticelli.store.user_data.state import prefix_of_narrative

    keys = [f"{prefix_of_narrative(narrative.name_for(act))}.{act.output_var}"] if act.output_var else []
    for one in act.inputs:
        if one.type == "bot_command":
            spec = platform_of(runtime, one, rehearse=True).spec(one.command)
            keys += [f"{one.platform}.GUILD.{spec.captures}.NAME"] if spec and spec.captures else []
    return keys


def lines(found: dict[str, Any]) -> Iterator[str]:
    """For people."""
    about = f": {safe(found['description'])}" if found["description"] else ""
    yield f"{safe(found['name'])}{about}"
    yield f"  {iterations(found['iterations'])} of {len(found['acts'])} acts"
    for name, value in found["variables"].items():
        yield f"  variable {safe(name)} = {safe(value)}"
    for act in found["acts"]:
        yield ""
        yield f"{act['position']}. {safe(act['name'])} (line {act['line']})"
        yield from (f"   {label:<9} {safe(text)}" for label, text in _facts(act) if text)


def _facts(act: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "inputs", ", ".join(_said(one) for one in act["inputs"])
    if act["model"]:
        turns = f", {act['turns']} times" if act["turns"] > 1 else ""
        yield (
            "model",
            f"{act['model']}, about {number(act['estimated_tokens'])} tokens ({act['estimate_source']}){turns}",
        )
    yield "skip if", act["skip_if"] or ""
    yield "refers", ", ".join(one for one in act["references"] if not one.startswith("{state."))
    for label in ("needs", "reads", "writes", "effects"):
        yield label, ", ".join(act[label])


def _said(one: dict[str, Any]) -> str:
    return f"{one['platform']} {one['command']}" if one["type"] == "bot_command" else str(one["type"])
