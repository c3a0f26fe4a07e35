"""Decides whether an answer is usable: refused, empty and truncated ones are not; broken JSON is repaired."""

from __future__ import annotations

import json
from dataclasses import dataclass

from botticelli.answer_schema.checking import Misfit
from botticelli.drivers import GenerateResponse
from workers.outputs.response_json import read_json
from workers.outputs.typed_answers import read_typed

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
