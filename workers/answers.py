"""Can this answer be used? Refused, empty and cut ones can't; broken JSON is repaired. Calls nothing, writes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botticelli.drivers import GenerateResponse
from botticelli.narrative import parse_json

REFUSED, CUT = "refused", "length"


@dataclass(frozen=True, slots=True)
class Judged:
    """`output` is what later acts read; `raw` the model's own text where that is something else. `fault` says why the
    answer is not used; `warning` what its reader should know."""

    output: str
    raw: str | None = None
    fault: str | None = None
    warning: str | None = None


def judge(response: GenerateResponse, *, as_json: bool) -> Judged:
    text, warnings = response.text, list(response.warnings)
    fault = _unusable(response)
    if fault is not None:
        return Judged(text, fault="; ".join([fault, *warnings]))
    if response.finish_reason == CUT:
        warnings.append(f"the answer was cut after {response.usage.output_tokens} tokens; raise max_tokens")
    if not as_json or _is_json(text):
        return Judged(text, warning="; ".join(warnings) or None)
    if response.finish_reason == CUT:
        fault = f"the answer was cut after {response.usage.output_tokens} tokens, so its JSON is not whole; raise max_tokens"
        return Judged(text, fault=fault)
    repaired = _repaired(text)
    if repaired is None:
        return Judged(text, fault=f"the answer is not JSON (finish reason: {response.finish_reason})")
    warnings.append("the answer's JSON was broken and has been repaired")
    return Judged(json.dumps(repaired, ensure_ascii=False), raw=text, warning="; ".join(warnings))


def _unusable(response: GenerateResponse) -> str | None:
    if response.finish_reason == REFUSED:
        return "the model refused to answer; change the prompt or the model"
    if response.text.strip():
        return None
    if response.finish_reason == CUT:
        return "the model used up max_tokens before it wrote anything (finish reason: length); raise max_tokens"
    return f"the model gave an empty answer (finish reason: {response.finish_reason})"


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def _repaired(text: str) -> Any:
    """An object or a list that a library reads out of the text; None when there is nothing that looks like one."""
    import json_repair

    start = text.strip().removeprefix("```json").removeprefix("```").lstrip()
    if not start.startswith("[") and not ("{" in text and ":" in text):
        return None
    try:
        found = json_repair.loads(text)
        json.dumps(found, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict | list) and found else None
