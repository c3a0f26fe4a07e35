"""Checks typed answers against their schema, and writes the requests around them. JSON is never invented out of prose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from botticelli.answer_schema.checking import Misfit, misfits, without_absent
from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import Drivers, GenerateRequest, KnowsSchemas, Message
from botticelli.narrative import parse_whole_json

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
