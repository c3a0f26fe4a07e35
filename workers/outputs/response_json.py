"""Reads the JSON of an answer: as it is, from a fence or the prose around it, or after a repair."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botticelli.narrative import parse_json
from botticelli.untrusted.storable import storable

REPAIRED = "the answer's JSON was malformed and has been repaired"
TAKEN_OUT = "text around the answer's JSON was removed"
NULLED = "NaN and numbers out of range became null"

_FENCE = re.compile(r"```([^\n`]*)\n(.*?)(?:```|\Z)", re.DOTALL)
_STARTS_AS_JSON = re.compile(
    r"""\s*(?:
        \{\s*(?:["'}]|//|/\*|[A-Za-z_$][\w$]*\s*:)             # an object: a quoted key, a bare key, a comment
      | \[\s*(?:[\[{"'\]]|//|/\*|(?:-?\d[\d.eE+-]*|true|false|null)\s*,)   # a list
    )""",
    re.VERBOSE,
)
_OPENING = re.compile(r"(?:^|[\s:])(?=[{\[])")
_INTRODUCED = re.compile(r"""(?:^|:)[ \t]*(?=\{\s*"|\[\s*[\[{"])""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReadJson:
    """JSON read from an answer.

    `remarks` say what was changed; empty where the answer is plain JSON, bare or in a fence.
    """

    value: Any
    remarks: tuple[str, ...] = ()


def read_json(text: str, *, anywhere: bool = False) -> ReadJson | None:
    """Read an answer as JSON; None when it isn't meant as JSON.

    Prose that happens to have braces is not. `anywhere` also accepts complete JSON with text on both sides.
    """
    try:
        return ReadJson(parse_json(text))
    except ValueError:
        pass
    for value in _within_prose(text.strip(), anywhere=anywhere):
        return ReadJson(value, (TAKEN_OUT,))
    for candidate in _meant(text):
        repaired = _repaired(candidate)
        if repaired is not None:
            return repaired
    return None


def _within_prose(text: str, *, anywhere: bool) -> Iterator[Any]:
    """Yield the objects, or lists of objects, at the beginning or the end of the answer."""
    end = 0
    for match in _OPENING.finditer(text):
        start = match.end()
        if start < end:
            continue
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
            value = parse_json(text[start:end])
        except (ValueError, RecursionError):
            if _STARTS_AS_JSON.match(text, start):
                return
            continue
        if _holds_objects(value) and (anywhere or start == 0 or end == len(text)):
            yield value


def _holds_objects(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, dict) and item for item in items)


def _meant(text: str) -> Iterator[str]:
    """Yield the parts that were meant as JSON, however broken.

    Fences come first, then the whole, then the part that opens on its own line or after a colon.
    """
    for fence in _FENCE.finditer(text):
        if fence[1].strip().lower().startswith("json") or _STARTS_AS_JSON.match(fence[2]):
            yield fence[2]
    if _STARTS_AS_JSON.match(text):
        yield text
    elif (opening := _INTRODUCED.search(text)) is not None and not _is_whole(text, opening.end()):
        yield text[opening.end() :]


def _is_whole(text: str, start: int) -> bool:
    """Whether JSON that needs no repair begins here, such as a quotation within prose."""
    try:
        json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return True


def _repaired(text: str) -> ReadJson | None:
    """Repair the text to an object or a list; None when the library can't."""
    import json_repair

    if not _STARTS_AS_JSON.match(text):
        return None
    try:
        repaired = json_repair.loads(text)
        value, has_nulled = _finite(repaired)
        value = parse_json(json.dumps(storable(value), allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(value, dict | list) or not value:
        return None
    return ReadJson(value, (REPAIRED, NULLED) if has_nulled else (REPAIRED,))


def _finite(value: Any) -> tuple[Any, bool]:
    """Return the value with null for each NaN or infinity, and whether there was one."""
    match value:
        case float() if not math.isfinite(value):
            return None, True
        case dict():
            pairs = {key: _finite(inner) for key, inner in value.items()}
            return {key: inner for key, (inner, _) in pairs.items()}, any(nulled for _, nulled in pairs.values())
        case list():
            items = [_finite(inner) for inner in value]
            return [inner for inner, _ in items], any(nulled for _, nulled in items)
        case _:
            return value, False
