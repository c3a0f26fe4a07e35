"""Replaces characters that Postgres or UTF-8 can't store, in texts and JSON values: NUL and unpaired surrogates."""

from __future__ import annotations

import re
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Fillers, selectors and the like that count as printable (Default_Ignorable_Code_Point of Unicode, and blank Braille)."""


def storable(value: Any) -> Any:
    """Return a JSON value with each character that can't be stored replaced, also in keys."""
    match value:
        case str():
            return _cleaned(value) if _is_odd(value) else value
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return value


def is_blank(text: str) -> bool:
    """Whether a text has no visible character: only white space, control, filler and zero-width characters."""
    return not any(character.isprintable() and not character.isspace() for character in _INVISIBLE.sub("", text))


def _cleaned(text: str) -> str:
    """Replace characters that can't be stored; a pair of surrogates becomes the character that it encodes."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", REPLACEMENT)


def _is_odd(text: str) -> bool:
    if "\0" in text or text.isascii():
        return "\0" in text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
