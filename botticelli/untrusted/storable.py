"""Replaces what neither Postgres nor UTF-8 can carry in a text or JSON value: NUL and lone surrogates. Refuses nothing."""

from __future__ import annotations

from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(value: Any) -> Any:
    """The same JSON value with each character that can't be stored replaced, in keys too."""
    match value:
        case str():
            return _cleaned(value) if _is_odd(value) else value
        case dict():
            return {storable(key): storable(one) for key, one in value.items()}
        case list() | tuple():
            return [storable(one) for one in value]
        case _:
            return value


def is_blank(text: str) -> bool:
    """Whether nobody could see anything of it: white space, control characters and those of no width."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def _cleaned(text: str) -> str:
    """Two surrogates that make one character together become this character."""
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
