"""Names as they are shown to an author: the nearest known one, and any text made safe for one line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_COMPARED_CHARACTERS = 64
MAX_COMPARED = 1_000
"""Names that one name is compared with: the known names may be the keys of a model's answer."""
_SHOWN_CHARACTERS = 60
_SHOWN_NAMES = 8


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, or None."""
    if len(name) > _COMPARED_CHARACTERS:
        return None
    by_lower_case = {one.lower(): one for one in comparable(name, known)}
    found = get_close_matches(name.lower(), list(by_lower_case), n=1, cutoff=0.6)
    return by_lower_case[found[0]] if found else None


def comparable(name: str, known: Iterable[str]) -> list[str]:
    """The known names whose length allows that they are near, at most MAX_COMPARED of them."""
    lengths = range(len(name) * 3 // 7, len(name) * 7 // 3 + 1)
    return list(islice((one for one in known if len(one) in lengths), MAX_COMPARED))


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "known here") -> str:
    """A hint: the nearest of the `known` names, else (a few of) all of them after the words `otherwise`."""
    names = list(known)
    guess = nearest(name, names)
    if guess is not None:
        return f"did you mean {guess}?"
    if not names:
        return ""
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    return f"{otherwise}: {', '.join(map(shown, names[:_SHOWN_NAMES]))}{more}"


def shown(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    """`text` in one line: control characters escaped, long texts shortened."""
    short = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in short)
