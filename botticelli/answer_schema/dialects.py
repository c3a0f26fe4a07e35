"""Adapts a schema to what a provider accepts: what it can't express is left out of what is sent, and told in words.

The answer is checked against the whole schema whatever was sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botticelli.answer_schema.keywords import HOLD_LIST, HOLD_NAMED, HOLD_ONE, Schema, types_of

_BASE = frozenset(("type", "properties", "required", "items", "enum", "anyOf", "description", "additionalProperties"))
_NUMBERS = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
_NOTES = frozenset(("default", "examples", "title", "deprecated", "readOnly", "writeOnly", "$comment"))
"""Keywords that restrict nothing: left out without a word."""
_FORMATS = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"))


@dataclass(frozen=True, slots=True)
class Dialect:
    """Describes the schemas that a provider accepts.

    `requires_all`: every property must be required, and an optional one is sent as one that may be null.
    `takes_open`: it accepts objects with any keys; else a schema with one can't be sent as it is.
    """

    keywords: frozenset[str]
    formats: frozenset[str] = frozenset()
    max_min_items: int | None = None
    requires_all: bool = False
    takes_open: bool = True
    takes_const: bool = True
    needs_anchors: bool = False
    """A pattern must begin with ^ and end with $."""


ANTHROPIC = Dialect(_BASE | {"const", "format", "minItems"}, _FORMATS | {"uri"}, max_min_items=1, takes_open=False)
OPENAI = Dialect(
    _BASE | _NUMBERS | {"const", "format", "pattern", "minItems", "maxItems"},
    _FORMATS,
    requires_all=True,
    takes_open=False,
)
GEMINI = Dialect(
    _BASE | {"minimum", "maximum", "prefixItems", "minItems", "maxItems", "format"},
    frozenset(("date-time", "date", "time", "duration")),
    takes_const=False,
)
LLAMA = Dialect(
    _BASE
    | {"const", "oneOf", "allOf", "prefixItems", "minItems", "maxItems", "minLength", "maxLength", "pattern"}
    | {"format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    frozenset(("date-time", "date", "time", "uuid")),
    needs_anchors=True,
)
"""Keywords that llama.cpp turns into a grammar, as vLLM, Ollama and SGLang do too."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A schema as a provider gets it; `is_exact` is False where it had to leave an object open."""

    schema: Schema
    is_exact: bool


def adapted(schema: Schema, dialect: Dialect) -> Adapted:
    """Return the schema as the provider accepts it. Pure; the schema is one that `read_schema` returned."""
    if not dialect.takes_open and has_open_object(schema):
        return Adapted(dict(schema), is_exact=False)
    return Adapted(_adapt(schema, dialect), is_exact=True)


def has_open_object(schema: Any) -> bool:
    """Whether an object somewhere in it may have keys that the schema doesn't name, or a value may be anything."""
    if not isinstance(schema, dict):
        return False
    inner = [schema[key] for key in ("items",) if key in schema]
    inner += [*schema.get("properties", {}).values()]
    inner += [each for key in ("anyOf", "oneOf", "allOf", "prefixItems") for each in schema.get(key, ())]
    if not schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "allOf"}:
        return True
    return _is_open(schema) or any(map(has_open_object, inner))


def _is_open(schema: Schema) -> bool:
    if "array" in types_of(schema) and not schema.keys() & {"items", "prefixItems"}:
        return True
    if "object" not in types_of(schema):
        return False
    more = schema.get("additionalProperties", not schema.get("properties"))
    return more not in (False, {"not": {}}) or bool(schema.get("patternProperties"))


def _adapt(schema: Schema, dialect: Dialect) -> Schema:
    """Adapt one schema and those inside it, and add to its description what is left out."""
    schema = _as_any_of(schema, dialect)
    schema = _const_as_enum(schema) if not dialect.takes_const else schema
    adapted: Schema = {}
    left_out: Schema = {}
    for key, value in schema.items():
        if _is_sent(key, value, dialect):
            adapted[key] = _inner(key, value, dialect)
        elif key not in _NOTES:
            left_out[key] = value
    if "object" in types_of(adapted) and adapted.get("properties") and not _is_open(schema):
        adapted["additionalProperties"] = False
        if dialect.requires_all:
            adapted |= _all_required(adapted)
    if left_out:
        words = ", ".join(f"{key}: {_words(value)}" for key, value in left_out.items())
        adapted["description"] = f"{adapted['description']} ({words})" if adapted.get("description") else words
    return adapted


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_sent(key: str, value: Any, dialect: Dialect) -> bool:
    if key not in dialect.keywords:
        return False
    if key == "format":
        return value in dialect.formats
    if key == "minItems" and dialect.max_min_items is not None:
        return bool(value <= dialect.max_min_items)
    if key == "pattern" and dialect.needs_anchors:
        return bool(value.startswith("^") and value.endswith("$"))
    return True


def _inner(key: str, value: Any, dialect: Dialect) -> Any:
    if key in HOLD_ONE:
        return _adapt(value, dialect) if isinstance(value, dict) else value
    if key in HOLD_LIST:
        return [_adapt(inner, dialect) for inner in value]
    if key in HOLD_NAMED:
        return {name: _adapt(inner, dialect) for name, inner in value.items()}
    return value


def _as_any_of(schema: Schema, dialect: Dialect) -> Schema:
    """Write `oneOf` as `anyOf` for a provider that knows only that."""
    if "oneOf" not in schema or "oneOf" in dialect.keywords or "anyOf" in schema:
        return schema
    return {("anyOf" if key == "oneOf" else key): value for key, value in schema.items()}


def _const_as_enum(schema: Schema) -> Schema:
    if "const" not in schema:
        return schema
    return {key: value for key, value in schema.items() if key != "const"} | {"enum": [schema["const"]]}


def _all_required(schema: Schema) -> Schema:
    """Require every property; one that was optional may be null."""
    required = schema.get("required", ())
    properties = {name: inner if name in required else _or_null(inner) for name, inner in schema["properties"].items()}
    return {"properties": properties, "required": [*properties]}


def _or_null(schema: Schema) -> Schema:
    if not types_of(schema) or schema.keys() & {"enum", "const", "anyOf"}:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [*types_of(schema), *(["null"] if "null" not in types_of(schema) else [])]}
