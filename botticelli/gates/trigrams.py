"""Compares texts by their trigrams, as Postgres's pg_trgm does: words count, their order does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_CHARACTERS = 20_000
"""Characters of a text that are compared; later ones are not."""
_WORD = re.compile(r"[^\W_]+")


class Near(NamedTuple):
    """A text that is similar to another one; `similarity` is from 0 to 1."""

    text: str
    similarity: float


def trigrams(text: str) -> frozenset[str]:
    """Return all sequences of three characters in the words of a text; two blanks stand before a word, one behind it."""
    padded = (f"  {word} " for word in _WORD.findall(text[:MAX_CHARACTERS].lower()))
    return frozenset(word[at : at + 3] for word in padded for at in range(len(word) - 2))


def similarity(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of trigrams that two texts have in common."""
    shared = len(first & second)
    together = len(first) + len(second) - shared
    return shared / together if together else 0.0


def first_near(text: str, earlier: Iterable[str], threshold: float) -> Near | None:
    """Return the first of the earlier texts that is at least as similar as the threshold, or None."""
    own = trigrams(text)
    if not own:
        return None
    for other in earlier:
        likeness = similarity(own, trigrams(other))
        if likeness >= threshold:
            return Near(other, likeness)
    return None
