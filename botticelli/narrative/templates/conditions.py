"""Reads the condition of `skip_if`, and decides whether it holds for a value that the caller looked up."""

from __future__ import annotations

import re
from typing import Any

from botticelli.narrative.model import ROW_KINDS, Condition, Reference, Template
from botticelli.narrative.templates.json_path import parse_json_or_text
from botticelli.narrative.templates.template import as_text

USE = 'write "{state.KEY}", "!{state.KEY}", "{act.NAME.output} == word" or "... != word"'

_KINDS = {"act", "previous", "state", "var", "iteration", "iterations", *ROW_KINDS}
_COMPARISON = re.compile(r"\s*(==|!=)\s*(?:'([^']*)'|\"([^\"]*)\"|([^\s'\"!=]+))\s*")


def read_condition(template: Template, line: int) -> Condition | None:
    """Read the condition of a `skip_if` text; None when it is not a condition."""
    match template.parts:
        case (Reference() as reference,):
            negate, rest = False, ""
        case (str(mark), Reference() as reference) if mark.strip() in {"", "!"}:
            negate, rest = mark.strip() == "!", ""
        case (Reference() as reference, str(rest)):
            negate = False
        case _:
            return None
    if reference.kind not in _KINDS:
        return None
    if not rest.strip():
        return Condition(reference=reference, negate=negate, line=line)
    comparison = _COMPARISON.fullmatch(rest)
    if comparison is None:
        return None
    literal = next(group for group in comparison.groups()[1:] if group is not None)
    return Condition(reference=reference, negate=comparison[1] == "!=", equals=literal, line=line)


def holds(condition: Condition, value: Any) -> bool:
    """Tell whether the act is skipped. `value` is that of the reference; None when there is no such value."""
    if value is None:
        met = False
    elif condition.equals is not None:
        met = as_text(value).strip() == condition.equals
    else:
        met = bool(parse_json_or_text(value.strip()) if isinstance(value, str) else value)
    return met != condition.negate
