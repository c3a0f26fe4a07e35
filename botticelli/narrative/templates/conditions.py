"""Reads the conditions of `skip_if` and `accept_if`, and decides whether they hold for a value that the caller looked up."""

from __future__ import annotations

import math
import re
from typing import Any

from botticelli.narrative.expressions import Order
from botticelli.narrative.model import ROW_KINDS, Condition, Reference, Template
from botticelli.narrative.templates.json_path import parse_json_or_text
from botticelli.narrative.templates.template import as_text

USE = 'write "{state.KEY}", "!{state.KEY}", "{act.NAME.output} == word", "... != word" or "... >= 4"'

_KINDS = {"act", "previous", "state", "var", "iteration", "iterations", *ROW_KINDS}
_ORDER = re.compile(r"\s*(<=|>=|<|>)\s*([+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*")
_COMPARISON = re.compile(r"\s*(==|!=)\s*(?:'([^']*)'|\"([^\"]*)\"|([^\s'\"!=]+))\s*")


def read_condition(template: Template, line: int) -> Condition | None:
    """Read a condition from its text; None when it is none."""
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
    order = _ORDER.fullmatch(rest)
    if order is not None:
        return Condition(reference=reference, negate=negate, order=order[1], bound=float(order[2]), line=line)
    comparison = _COMPARISON.fullmatch(rest)
    if comparison is None:
        return None
    literal = next(group for group in comparison.groups()[1:] if group is not None)
    return Condition(reference=reference, negate=comparison[1] == "!=", equals=literal, line=line)


def holds(condition: Condition, value: Any) -> bool:
    """Tell whether the condition holds. `value` is that of the reference; None when there is no such value."""
    if value is None:
        met = False
    elif condition.order is not None:
        met = _is_in_order(_number(value), condition.order, condition.bound)
    elif condition.equals is not None:
        met = as_text(value).strip() == condition.equals
    else:
        met = bool(parse_json_or_text(value.strip()) if isinstance(value, str) else value)
    return met != condition.negate


def _is_in_order(number: float | None, order: Order, bound: float) -> bool:
    """Compare a number with the bound; what is no number is in no order."""
    if number is None:
        return False
    match order:
        case "<":
            return number < bound
        case "<=":
            return number <= bound
        case ">":
            return number > bound
        case ">=":
            return number >= bound


def _number(value: Any) -> float | None:
    """Return a number, also one that is written as text; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value.strip() if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
