"""Follows the path of a reference into an act's output, and reads the JSON in a model's text, bare or in a code fence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from botticelli.errors import TemplateError
from botticelli.narrative.source.problems import did_you_mean, shown
from botticelli.untrusted.storable import storable

MAX_DEPTH = 200
"""Limits the nesting of JSON that is read."""

_INDEX = re.compile("[0-9]{1,9}")
CACHE_SIZE = 4
"""Number of parsed answers that are cached: one answer may be a megabyte long and have a thousand references to it."""
_WHOLE_FENCE = re.compile(r"```[A-Za-z]*[ \t]*\n(.*?)```", re.DOTALL)
_FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)


def parse_json(text: str) -> Any:
    """Parse a text as JSON, or else the first of its code fences that holds JSON. Raises ValueError when there is none.

    Numbers that Postgres can't store count as invalid; characters that it can't store are replaced. When a key is
    repeated, the last value counts.
    """
    try:
        return _loads(text)
    except ValueError:
        for fence in _FENCE.finditer(text):
            with suppress(ValueError):
                return _loads(fence[1])
        raise


def parse_whole_json(text: str) -> Any:
    """Parse a text that is JSON, or a code fence that holds JSON, and nothing besides. Raises ValueError otherwise."""
    fence = _WHOLE_FENCE.fullmatch(text.strip())
    return _loads(fence[1] if fence else text)


def parse_json_or_text(text: str) -> Any:
    """Parse a text as JSON, or return the text when it is not JSON."""
    try:
        return parse_json(text)
    except ValueError:
        return text


def look_up(value: Any, path: Sequence[str], *, reference: str) -> Any:
    """Return the value at the end of `path` (keys of objects, indexes of lists). `reference` is how the author wrote it.

    Raises TemplateError, which names the step that does not exist.
    """
    for number, step in enumerate(path):
        if isinstance(value, str):
            value = _parse_or_raise(value, reference)
        value = _step(value, step, reference, ".".join(path[:number]) or "the output")
    return value


def _step(value: Any, step: str, reference: str, here: str) -> Any:
    match value:
        case Mapping() if step in value:
            return value[step]
        case Mapping():
            hint = did_you_mean(step, [str(key) for key in value], otherwise="it has")
            raise TemplateError(f"{here} has no {shown(step)}", where=reference, do=hint)
        case list() if _INDEX.fullmatch(step) and int(step) < len(value):
            return value[int(step)]
        case list():
            raise TemplateError(f"{here} is a list of {len(value)}, so it has no {shown(step)}", where=reference)
        case _:
            raise TemplateError(f"{here} is {shown(json.dumps(value))}, so it has no {shown(step)}", where=reference)


def _parse_or_raise(text: str, reference: str) -> Any:
    try:
        return _parse_cached(text)
    except ValueError as error:
        message = f"the output is not JSON: {shown(text)}"
        raise TemplateError(
            message, where=reference, do='ask for JSON in the prompt and set format = "json"'
        ) from error


@lru_cache(maxsize=CACHE_SIZE)
def _parse_cached(text: str) -> Any:
    """Parse a text with `parse_json`, and cache the result, which callers must not change."""
    return parse_json(text)


def _loads(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_float)
        if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
            raise ValueError("nested too deep")
        return storable(value) if "\\u" in text else value
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _is_deep(value: Any) -> bool:
    layer = [value]
    for _ in range(MAX_DEPTH):
        layer = [inner for outer in layer for inner in _inside(outer)]
        if not layer:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
