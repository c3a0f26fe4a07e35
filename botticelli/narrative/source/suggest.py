"""Suggests the nearest known name, and makes any text safe to show in one line of a message."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_COMPARED_CHARACTERS = 64
MAX_COMPARED = 1_000
"""Limits how many known names are compared: they may be the keys of a model's answer."""
_SHOWN_CHARACTERS = 60
_SHOWN_NAMES = 8


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was probably meant to be, or None."""
    if len(name) > _COMPARED_CHARACTERS:
        return None
    by_lower_case = {candidate.lower(): candidate for candidate in comparable(name, known)}
    matches = get_close_matches(name.lower(), list(by_lower_case), n=1, cutoff=0.6)
    return by_lower_case[matches[0]] if matches else None


def comparable(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names of a similar length, at most MAX_COMPARED of them."""
    lengths = range(len(name) * 3 // 7, len(name) * 7 // 3 + 1)
    return list(islice((candidate for candidate in known if len(candidate) in lengths), MAX_COMPARED))


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "known here") -> str:
    """Return a hint: the nearest of the `known` names, else the first few of them after the words `otherwise`."""
    names = list(known)
    guess = nearest(name, names)
    if guess is not None:
        return f"did you mean {guess}?"
    if not names:
        return ""
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    return f"{otherwise}: {', '.join(map(shown, names[:_SHOWN_NAMES]))}{more}"


def shown(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return `text` in one line: control characters escaped, long texts shortened to `limit` characters."""
    short = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(_printable(character) for character in short)


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
