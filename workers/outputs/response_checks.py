"""Decides whether an answer is usable: refused, empty and truncated ones are not; broken JSON is repaired.

Typed answers are checked against their schema. JSON is never invented out of prose.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from botticelli.answer_schema.checking import Misfit, misfits, without_absent
from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import Drivers, GenerateRequest, GenerateResponse, KnowsSchemas, Message
from botticelli.narrative import parse_whole_json
from workers.outputs.response_json import read_json

MAX_QUOTED_CHARACTERS = 20_000
"""Longest part of an answer that is quoted to its model for a repair."""


@dataclass(frozen=True, slots=True)
class TypedAnswer:
    """An answer as bare JSON, and what in it does not fit; `output` is the text as it came where it is not JSON."""

    output: str
    misfits: tuple[Misfit, ...] = ()


def read_typed(text: str, schema_text: str, *, cut_after: int | None = None) -> TypedAnswer:
    """Read an answer: JSON, alone or as a whole code fence. `cut_after`: the tokens after which it was truncated."""
    try:
        value = parse_whole_json(text)
    except ValueError as error:
        return TypedAnswer(text, (_not_json(text, error, cut_after),))
    fitting = without_absent(json.loads(schema_text), value)
    is_plain = fitting == value and not text.strip().startswith("`")
    output = text.strip() if is_plain else json.dumps(fitting, ensure_ascii=False)
    return TypedAnswer(output, misfits(schema_text, fitting))


def knows_schema(drivers: Drivers, call: Call, schema_text: str) -> bool:
    """Whether the providers of all models of a call tell them the schema themselves."""
    schema = json.loads(schema_text)
    options = [(drivers.get(option.model.provider), option.model.model) for option in (call, *call.fallbacks)]
    return all(isinstance(driver, KnowsSchemas) and driver.knows_schema(model, schema) for driver, model in options)


def schema_note(schema_text: str) -> str:
    """Return what the prompt says to a model whose provider does not tell it the schema."""
    return f"\n\nAnswer with one JSON object and nothing else. It must fit this JSON Schema:\n{schema_text}"


def repair_request(request: GenerateRequest, answer: str, wrong: Sequence[Misfit], schema_text: str) -> GenerateRequest:
    """Return the request for the same answer once more: the conversation, the answer, and what does not fit."""
    lines = "\n".join(f"- {misfit}" for misfit in wrong)
    text = (
        f"That answer can't be used, because it does not fit the JSON Schema:\n{lines}\n\n"
        "Write the whole answer again, with these errors corrected: one JSON object and nothing else. "
        f"It must fit this JSON Schema:\n{schema_text}"
    )
    quoted = answer if len(answer) <= MAX_QUOTED_CHARACTERS else f"{answer[:MAX_QUOTED_CHARACTERS]} […]"
    return replace(request, messages=(*request.messages, Message("assistant", quoted), Message("user", text)))


def fault_of(wrong: Sequence[Misfit]) -> str:
    """Say why a typed answer can't be used: the JSON path that is wrong, and why; empty when nothing is wrong."""
    if not wrong:
        return ""
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"the answer does not fit its schema: {wrong[0]}{more}"


def _not_json(text: str, error: ValueError, cut_after: int | None) -> Misfit:
    if cut_after is not None:
        return Misfit("$", f"the answer was cut after {cut_after} tokens, before its JSON was complete; write less")
    if "{" not in text:
        return Misfit("$", "the answer is not JSON, it is prose")
    reason = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)
    return Misfit("$", f"the answer is not JSON alone: {reason}")


REFUSED, CUT = "refused", "length"
WHOLE = ("stop", CUT)
UNOFFERED_TOOL = "the model called a tool that it was not offered"
FINISH_REASONS = {
    "tool_calls": UNOFFERED_TOOL,
    "tool_use": UNOFFERED_TOOL,
    "function_call": UNOFFERED_TOOL,
    "unexpected_tool_call": UNOFFERED_TOOL,
    "malformed_function_call": "the model made a malformed tool call",
    "pause_turn": "the model paused in the middle of its turn",
}
"""Meanings of finish reasons that don't end an answer properly; others are shown as they are."""


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer after the checks.

    `output` is what later acts read; `raw` is the model's own text where that differs. `fault` says why the answer is
    not used; `warning` is for its reader.
    """

    output: str
    raw: str | None = None
    fault: str | None = None
    warning: str | None = None
    misfits: tuple[Misfit, ...] = ()
    """Faults of a typed answer: parts that do not fit its schema."""


def check_answer(response: GenerateResponse, *, as_json: bool, schema: str | None = None) -> CheckedAnswer:
    """Judge an answer: as text, as JSON, or by its schema."""
    text, warnings = response.text, list(response.warnings)
    fault = _unusable(response)
    if fault is not None:
        return CheckedAnswer(text, fault="; ".join([fault, *warnings]))
    if response.finish_reason == CUT:
        warnings.append(f"the answer was truncated after {response.usage.output_tokens} tokens; raise max_tokens")
    if schema is not None:
        typed = read_typed(text, schema, cut_after=cut_after(response))
        raw = text if typed.output != text.strip() else None
        return CheckedAnswer(typed.output, raw, warning="; ".join(warnings) or None, misfits=typed.misfits)
    if not as_json:
        return CheckedAnswer(text, warning="; ".join(warnings) or None)
    parsed = read_json(text)
    if parsed is not None and not parsed.remarks:
        return CheckedAnswer(text, warning="; ".join(warnings) or None)
    if response.finish_reason == CUT:
        count = response.usage.output_tokens
        fault = f"the answer was truncated after {count} tokens, so its JSON is incomplete; raise max_tokens"
        return CheckedAnswer(text, fault=fault)
    if parsed is None:
        return CheckedAnswer(text, fault=f"the answer is not JSON (finish reason: {response.finish_reason})")
    warnings += parsed.remarks
    return CheckedAnswer(json.dumps(parsed.value, ensure_ascii=False), raw=text, warning="; ".join(warnings))


def cut_after(response: GenerateResponse) -> int | None:
    """Return the tokens after which an answer was truncated; None for a whole one."""
    return response.usage.output_tokens if response.finish_reason == CUT else None


def _unusable(response: GenerateResponse) -> str | None:
    if response.finish_reason == REFUSED:
        return "the model refused to answer; change the prompt or the model"
    if response.finish_reason not in WHOLE:
        why = FINISH_REASONS.get(response.finish_reason, "the answer ended for an unknown reason")
        do = f'accepted_finish_reasons = ["{response.finish_reason}"] of the driver accepts such answers'
        return f"{why} (finish reason: {response.finish_reason}); {do}"
    if response.text.strip():
        return None
    if response.finish_reason == CUT:
        return "the model used up max_tokens before it wrote anything (finish reason: length); raise max_tokens"
    if response.reasoning.strip():
        return f"the model gave only its reasoning, no answer (finish reason: {response.finish_reason})"
    return f"the model gave an empty answer (finish reason: {response.finish_reason})"
