"""Reads a JSON Schema: refuses what can't be checked or bounded, and puts definitions in place of references."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from botticelli.answer_schema.keywords import (
    DEFINITIONS,
    HOLD_LIST,
    HOLD_NAMED,
    HOLD_ONE,
    IDENTITIES,
    KNOWN,
    MAY_BE_FLAGS,
    REGEXES,
    UNSUPPORTED,
    Schema,
)

MAX_SCHEMAS = 2_000
"""Limits the schemas inside a schema, each reference counted as what it refers to: the cost of a check."""
MAX_LEVELS = 32
MAX_VALUES = 1_000
"""Limits the values of all `enum` lists; OpenAI accepts no more."""
NEVER: Schema = {"not": {}}
_TOO_DEEP = f"is nested more than {MAX_LEVELS} levels deep"

Path = tuple[str, ...]


class SchemaFault(ValueError):
    """Says what is wrong with a schema: where in it (`path`), and what to do (`hint`)."""

    def __init__(self, path: Path, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.hint = hint


def read_schema(written: Any, *, allow_patterns: bool = True) -> Schema:
    """Return a schema without references, or raise SchemaFault.

    Without `allow_patterns`, regular expressions are refused: matching them may take unbounded time.
    """
    if not isinstance(written, dict):
        raise SchemaFault((), "must be a JSON Schema, which is a table", 'write {"type": "object", "properties": ...}')
    _check_meta(written)
    schema = _Reader(written, allow_patterns).expand(written, (), (), 0)
    if schema.get("type") != "object":
        hint = 'write type = "object"; a list or a single value gets a name of its own in properties'
        raise SchemaFault(("type",), 'an answer must be an object, so type must be "object"', hint)
    return schema


def _check_meta(written: Schema) -> None:
    """Check the schema against the schema of schemas, draft 2020-12."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        error = best_match(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(written))
    except RecursionError:
        raise SchemaFault((), _TOO_DEEP, "write it flatter") from None
    if error is not None:
        message = error.message if len(error.message) <= 160 else f"{error.message[:160]}…"
        raise SchemaFault(tuple(map(str, error.absolute_path)), message, "see JSON Schema, draft 2020-12")


class _Reader:
    """Expands one schema. References may not lead back to where they are, so that each is a copy of its target."""

    def __init__(self, root: Schema, allow_patterns: bool) -> None:
        self._root = root
        self._allow_patterns = allow_patterns
        self._schemas = 0
        self._values = 0

    def expand(self, schema: Any, path: Path, within: Sequence[str], depth: int) -> Schema:
        """Return the schema with its references replaced; `within` are the references that led here."""
        self._count(path, depth)
        if isinstance(schema, bool):
            return {} if schema else NEVER
        self._check(schema, path)
        own = {key: value for key, value in schema.items() if key not in (*DEFINITIONS, *IDENTITIES, "$ref")}
        expanded = {key: self._value(key, value, (*path, key), within, depth + 1) for key, value in own.items()}
        if "$ref" not in schema:
            return expanded
        target = self._target(schema["$ref"], (*path, "$ref"), within, depth + 1)
        return {"allOf": [target], **expanded} if target.keys() & expanded.keys() - _NOTES else {**target, **expanded}

    def _value(self, key: str, value: Any, path: Path, within: Sequence[str], depth: int) -> Any:
        if key in HOLD_ONE and not (isinstance(value, bool) and key in MAY_BE_FLAGS):
            return self.expand(value, path, within, depth)
        if key in HOLD_LIST:
            return [self.expand(inner, (*path, str(number)), within, depth) for number, inner in enumerate(value)]
        if key in HOLD_NAMED:
            return {name: self.expand(inner, (*path, name), within, depth) for name, inner in value.items()}
        return value

    def _count(self, path: Path, depth: int) -> None:
        self._schemas += 1
        if self._schemas > MAX_SCHEMAS:
            raise SchemaFault((), f"holds more than {MAX_SCHEMAS:,} schemas, references counted", "write it smaller")
        if depth > MAX_LEVELS:
            raise SchemaFault(path[:4], _TOO_DEEP, "write it flatter")

    def _check(self, schema: Schema, path: Path) -> None:
        self._values += len(schema.get("enum", ()))
        if self._values > MAX_VALUES:
            raise SchemaFault((*path, "enum"), f"all enums together have more than {MAX_VALUES:,} values")
        for key in schema:
            if key not in KNOWN and (meant := get_close_matches(key, KNOWN, n=1, cutoff=0.8)):
                raise SchemaFault((*path, key), "is not a keyword of JSON Schema", f"did you mean {meant[0]}?")
            if key in UNSUPPORTED:
                raise SchemaFault((*path, key), "is not supported", 'use $defs and "$ref": "#/$defs/NAME"')
            if key in REGEXES and not self._allow_patterns:
                hint = "use enum or format, or enqueue the narrative from a file"
                raise SchemaFault((*path, key), "a narrative sent as text can't use regular expressions", hint)
        for pattern in (schema.get("pattern"), *schema.get("patternProperties", ())):
            _check_pattern(pattern, path)

    def _target(self, reference: str, path: Path, within: Sequence[str], depth: int) -> Schema:
        if not reference.startswith("#"):
            raise SchemaFault(path, f"{reference[:80]!r} is outside the schema", "copy it into $defs")
        if reference in within or reference == "#":
            raise SchemaFault(
                path, f"{reference[:80]!r} refers to itself, which no provider accepts", "write it flatter"
            )
        target: Any = self._root
        steps = [step.replace("~1", "/").replace("~0", "~") for step in reference[1:].split("/")[1:]]
        for step in steps:
            target = target.get(step) if isinstance(target, dict) else None
        if not isinstance(target, dict | bool) or not steps:
            offer = ", ".join(f"#/{key}/{name}" for key in DEFINITIONS for name in self._root.get(key, ()))
            raise SchemaFault(path, f"there is no {reference[:80]!r}", f"there are {offer}" if offer else "")
        return self.expand(target, tuple(steps), (*within, reference), depth)


_NOTES = {"title", "description", "default", "examples"}
"""Keywords that a reference may have beside it, in place of those of its target."""


def _check_pattern(pattern: str | None, path: Path) -> None:
    try:
        re.compile(pattern or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise SchemaFault((*path, "pattern"), f"{pattern!r} is not a regular expression: {error}") from None
