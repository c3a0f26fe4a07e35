"""Follows the path of a reference through a schema, to find out whether an answer has this field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botticelli.answer_schema.checking import describe_type
from botticelli.answer_schema.keywords import Schema, types_of


@dataclass(frozen=True, slots=True)
class FieldFault:
    """Says that a path leads nowhere: `step` is the first one that fails, `known` are the names that are there."""

    step: str
    message: str
    known: tuple[str, ...] = ()


def field_fault(schema: Schema, steps: Sequence[str], here: str = "the output") -> FieldFault | None:
    """Return why no answer of this schema has a value at the end of the path; None when it may have one."""
    if not steps:
        return None
    first, *rest = steps
    branches = [branch for branch in _branches(schema) if _admits(branch, first)]
    if not branches:
        return _missing(schema, first, here)
    inner = [_step(branch, first) for branch in branches]
    faults = [field_fault(each, rest, first) for each in inner]
    return None if None in faults else faults[0]


def is_optional(schema: Schema, steps: Sequence[str]) -> bool:
    """Whether a value on the way may be missing in a valid answer."""
    for step in steps:
        branch = next((branch for branch in _branches(schema) if _admits(branch, step)), {})
        if step in branch.get("properties", ()) and step not in branch.get("required", ()):
            return True
        schema = _step(branch, step)
    return False


def _branches(schema: Schema) -> list[Schema]:
    """Return the alternatives of a schema, each with what holds beside them."""
    own = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "allOf", "then", "else")}
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    alternatives += [schema[key] for key in ("then", "else") if key in schema]
    alternatives = [branch for each in alternatives for branch in _branches(each)] or [{}]
    for part in schema.get("allOf", ()):
        alternatives = [_both(each, branch) for each in alternatives for branch in _branches(part)]
    return [_both(own, each) for each in alternatives]


def _both(first: Schema, second: Schema) -> Schema:
    """Join two schemas that hold at once, as far as fields are concerned."""
    joined = {**first, **second}
    if "properties" in first and "properties" in second:
        joined["properties"] = {**first["properties"], **second["properties"]}
    joined["required"] = [*first.get("required", ()), *second.get("required", ())]
    return joined


def _admits(schema: Schema, step: str) -> bool:
    """Whether a value of this schema may have such a step: a field by name, or an item by its number."""
    types = types_of(schema)
    may_be_object, may_be_list = (not types or kind in types for kind in ("object", "array"))
    if may_be_list and step.isascii() and step.isdigit() and ("items" in schema or "prefixItems" in schema):
        return True
    if not may_be_object:
        return False
    if step in schema.get("properties", ()):
        return True
    more = schema.get("additionalProperties", "properties" not in schema)
    is_closed = more is False or more == {"not": {}}
    return not is_closed or bool(schema.get("patternProperties"))


def _step(schema: Schema, step: str) -> Schema:
    if step in schema.get("properties", ()):
        return dict(schema["properties"][step])
    if step.isdigit():
        first = schema.get("prefixItems", ())
        item = first[int(step)] if int(step) < len(first) else schema.get("items", {})
        if item:
            return dict(item)
    more = schema.get("additionalProperties", {})
    return dict(more) if isinstance(more, dict) else {}


def _missing(schema: Schema, step: str, here: str) -> FieldFault:
    branches = _branches(schema)
    known = tuple(dict.fromkeys(name for branch in branches for name in branch.get("properties", ())))
    if known:
        return FieldFault(step, f"{here} has no field {step}", known)
    if any("array" in types_of(branch) for branch in branches):
        return FieldFault(step, f"{here} is a list, so its items are numbered from 0")
    return FieldFault(step, f"{here} is {describe_type(schema)}, so it has no field {step}")
