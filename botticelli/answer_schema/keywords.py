"""Lists the keywords of JSON Schema that a schema of an answer may use, by the kind of their value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

HOLD_ONE = (
    *("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
"""Keywords whose value is a schema."""
MAY_BE_FLAGS = ("additionalProperties", "unevaluatedItems", "unevaluatedProperties")
"""Keywords that may also be true or false, and stay so where the author wrote that."""
HOLD_LIST = ("prefixItems", "anyOf", "oneOf", "allOf")
HOLD_NAMED = ("properties", "patternProperties", "dependentSchemas")
"""Keywords whose value is a table of schemas."""
DEFINITIONS = ("$defs", "definitions")
IDENTITIES = ("$schema", "$id", "id", "$comment")
"""Keywords about the schema itself, which are left out; `id` in drafts before 6."""
UNSUPPORTED = ("$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary")
REGEXES = ("pattern", "patternProperties")
VALUES = (
    *("type", "enum", "const", "required", "dependentRequired", "format", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties"),
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    *("contentEncoding", "contentMediaType", "contentSchema"),
)
KNOWN = (*HOLD_ONE, *HOLD_LIST, *HOLD_NAMED, *DEFINITIONS, *IDENTITIES, *VALUES, "$ref")


def inner_schemas(schema: Schema) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each schema directly inside another, with the steps that lead to it."""
    for keyword in HOLD_ONE:
        if keyword in schema:
            yield (keyword,), schema[keyword]
    for keyword in HOLD_LIST:
        for number, inner in enumerate(schema.get(keyword, ())):
            yield (keyword, str(number)), inner
    for keyword in HOLD_NAMED:
        for name, inner in schema.get(keyword, {}).items():
            yield (keyword, name), inner


def types_of(schema: Schema) -> tuple[str, ...]:
    """Return the types that a schema names; empty when it names none."""
    written = schema.get("type", ())
    return (written,) if isinstance(written, str) else tuple(written)
