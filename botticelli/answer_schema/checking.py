"""Checks an answer against its schema, and says by JSON path what does not fit. Bounded in time and length."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from fractions import Fraction
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from botticelli.answer_schema.keywords import Schema, types_of

MAX_MISFITS = 10
MAX_CHARACTERS = 200
CACHE_SIZE = 64


@dataclass(frozen=True, slots=True)
class Misfit:
    """One part of a value that does not fit: its JSON path, such as `$.tags[0]`, and why."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def misfits(schema_text: str, value: Any) -> tuple[Misfit, ...]:
    """Return what does not fit, at most MAX_MISFITS; empty when the value fits."""
    errors = islice(_validator(schema_text).iter_errors(value), MAX_MISFITS)
    return tuple(dict.fromkeys(map(_misfit, errors)))


def without_absent(schema: Schema, value: Any) -> Any:
    """Return the value without each null that stands for an optional property which can't be null.

    Models write null for what is left out; some providers require every property to be written.
    """
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [without_absent(schema["items"], item) for item in value]
    properties = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    required = schema.get("required", ())
    absent = {
        name
        for name, inner in value.items()
        if inner is None and name in properties and name not in required and not _may_be_null(properties[name])
    }
    return {
        name: without_absent(properties.get(name, {}), inner) for name, inner in value.items() if name not in absent
    }


def _may_be_null(schema: Schema) -> bool:
    return not misfits(json.dumps(schema), None)


def _misfit(error: Any) -> Misfit:
    """Describe an error; of alternatives, the one that fits best."""
    from jsonschema.exceptions import best_match

    deepest = best_match([error]) if error.context else error
    message = " ".join(deepest.message.split())
    if len(message) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        message = f"{message[:half]} … {message[-half:]}"
    return Misfit(deepest.json_path, message)


@lru_cache(maxsize=CACHE_SIZE)
def _validator(schema_text: str) -> Any:
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.validators import extend

    checker = FormatChecker(formats=())
    for name, parse in _FORMATS.items():
        checker.checks(name, raises=ValueError)(_format_check(parse))
    kind = extend(Draft202012Validator, {"multipleOf": _multiple_of, "uniqueItems": _unique_items})
    return kind(json.loads(schema_text), format_checker=checker)


def _multiple_of(validator: Any, divisor: float, value: Any, _: Schema) -> Iterator[Any]:
    """Check `multipleOf` in decimal arithmetic: 19.99 is a multiple of 0.01."""
    from jsonschema import ValidationError

    if validator.is_type(value, "number") and Fraction(repr(value)) % Fraction(repr(divisor)) != 0:
        yield ValidationError(f"{value!r} is not a multiple of {divisor!r}")


def _unique_items(_: Any, is_unique: bool, value: Any, schema: Schema) -> Iterator[Any]:  # noqa: ARG001 (jsonschema's)
    """Check `uniqueItems` in linear time."""
    from jsonschema import ValidationError

    seen: set[str] = set()
    for item in value if is_unique and isinstance(value, list) else ():
        text = json.dumps(item, sort_keys=True, ensure_ascii=False)
        if text in seen:
            yield ValidationError(f"{text} stands in the list twice")
            return
        seen.add(text)


def _format_check(parse: Callable[[str], object]) -> Callable[[object], bool]:
    """Return a check for FormatChecker, which takes any value: only texts have a format."""

    def check(value: object) -> bool:
        return not isinstance(value, str) or parse(value) is not False

    return check


_FORMATS: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "date-time": lambda text: "T" in text.upper() and datetime.fromisoformat(text.upper()),
    "email": lambda text: text.count("@") == 1 and not text.startswith("@") and not text.endswith("@"),
    "uuid": UUID,
    "ipv4": lambda text: ip_address(text).version == 4,
    "ipv6": lambda text: ip_address(text).version == 6,
    "uri": lambda text: bool(urlsplit(text).scheme) and not any(map(str.isspace, text)),
}
"""Formats that are checked; others are notes for the model."""


def describe_type(schema: Schema) -> str:
    """Describe the type of a value for a message, such as `a text`."""
    names = {"object": "an object", "array": "a list", "string": "a text", "integer": "a whole number"}
    names |= {"number": "a number", "boolean": "true or false", "null": "null"}
    return " or ".join(names.get(name, name) for name in types_of(schema)) or "any value"
