"""Makes a value that fits a schema, always the same one: the answer of the echo driver."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from botticelli.answer_schema.keywords import Schema, types_of

WORDS = "echo: no model was called. "
MAX_ITEMS = 100
MAX_CHARACTERS = 10_000
FORMATS = {
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "date-time": "2026-01-31T12:00:00Z",
    "duration": "P1D",
    "email": "echo@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def example_of(schema: Schema) -> Any:
    """Return a value of the schema: what it names itself (const, enum, examples, default), else the smallest one.

    A value with a `pattern` needs `examples`: none is made from a regular expression.
    """
    schema = _merged(schema)
    if "const" in schema:
        return schema["const"]
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    if "default" in schema:
        return schema["default"]
    kind = next(iter(types_of(schema)), None) or _kind_of(schema)
    return _MAKERS[kind](schema)


def _merged(schema: Schema) -> Schema:
    """Put the parts of `allOf` and the first alternative into the schema itself."""
    parts = [*schema.get("allOf", ()), *schema.get("anyOf", ())[:1], *schema.get("oneOf", ())[:1]]
    merged = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf")}
    for part in map(_merged, parts):
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged = {**merged, **part}
        if properties:
            merged |= {"properties": properties, "required": required}
    return merged


def _kind_of(schema: Schema) -> str:
    """Guess the type of a schema that names none."""
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _object(schema: Schema) -> dict[str, Any]:
    properties = schema.get("properties", {})
    names = [*properties, *(name for name in schema.get("required", ()) if name not in properties)]
    value = {name: example_of(properties.get(name, {})) for name in names}
    more = schema.get("additionalProperties", {})
    for number in range(len(value), min(schema.get("minProperties", 0), MAX_ITEMS)):
        value[f"key{number + 1}"] = example_of(more if isinstance(more, dict) else {})
    return value


def _array(schema: Schema) -> list[Any]:
    first = [example_of(item) for item in schema.get("prefixItems", ())]
    least, most = schema.get("minItems", 0), schema.get("maxItems", MAX_ITEMS)
    count = min(max(least, min(1, most), len(first)), MAX_ITEMS)
    inner: Schema = schema.get("contains") or schema.get("items") or {}
    items = [example_of(inner) for _ in range(count - len(first))]
    if schema.get("uniqueItems"):
        items = [_variant(item, inner, number) for number, item in enumerate(items)]
    return [*first, *items]


def _variant(item: Any, schema: Schema, number: int) -> Any:
    """Return another value of the same schema for each number, where that is simple."""
    choices = _merged(schema).get("enum") or _merged(schema).get("examples")
    if choices:
        return choices[number % len(choices)]
    if isinstance(item, str):
        return f"{number + 1} {item}"[: schema.get("maxLength", MAX_CHARACTERS)]
    if isinstance(item, int | float) and not isinstance(item, bool):
        return item + number * schema.get("multipleOf", 1)
    return item


def _text(schema: Schema) -> str:
    if (fitting := FORMATS.get(schema.get("format", ""))) is not None:
        return fitting
    least = min(schema.get("minLength", 0), MAX_CHARACTERS)
    most = min(schema.get("maxLength", len(WORDS)), MAX_CHARACTERS)
    length: int = max(least, min(len(WORDS.strip()), most))
    return (WORDS * (length // len(WORDS) + 1))[:length]


def _number(schema: Schema) -> int | float:
    """Return the least number that the bounds allow, as a whole number where that is possible; 0 without bounds."""
    is_whole = "integer" in types_of(schema) and "number" not in types_of(schema)
    exact = {key: Fraction(repr(value)) for key, value in schema.items() if key in _BOUNDS}
    step = exact.get("multipleOf", Fraction(1))
    step = step * step.denominator if is_whole else step
    low = max((exact[key] for key in _LOW if key in exact), default=None)
    high = min((exact[key] for key in _HIGH if key in exact), default=None)
    if low is None:
        low = Fraction(0) if high is None or high > 0 else high - step
    value = math.ceil(low / step) * step
    value += step if value == exact.get("exclusiveMinimum") else 0
    is_over = high is not None and (value > high or value == exact.get("exclusiveMaximum"))
    if is_over and not is_whole and high is not None:
        value = (low + high) / 2
    return int(value) if value.denominator == 1 else float(value)


_LOW, _HIGH = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
_BOUNDS = (*_LOW, *_HIGH, "multipleOf")


_MAKERS: dict[str, Callable[[Schema], Any]] = {
    "object": _object,
    "array": _array,
    "string": _text,
    "number": _number,
    "integer": _number,
    "boolean": lambda schema: True,  # noqa: ARG005 (called as its peers are)
    "null": lambda schema: None,  # noqa: ARG005
}
