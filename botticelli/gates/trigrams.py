"""Compares texts by their trigrams, as Postgres's pg_trgm does: words count, their order does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_CHARACTERS = 20_000
"""Characters of a text that are compared; later ones are not."""
ROUNDING = 1e-6
MAX_WORDS = 100_000
"""Words whose trigrams are remembered during a comparison."""
_WORD = re.compile(r"[^\W_]+")


class Near(NamedTuple):
    """A text that is similar to another one; `similarity` is from 0 to 1."""

    text: str
    similarity: float


def trigrams(text: str) -> frozenset[str]:
    """Return all sequences of three characters in the words of a text; two blanks stand before a word, one behind it."""
    padded = (f"  {word} " for word in _words(text))
    return frozenset(word[at : at + 3] for word in padded for at in range(len(word) - 2))


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:MAX_CHARACTERS].lower())


def similarity(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of trigrams that two texts have in common."""
    shared = len(first & second)
    together = len(first) + len(second) - shared
    return shared / together if together else 0.0


def first_near(text: str, earlier: Iterable[str], threshold: float) -> Near | None:
    """Return the first of the earlier texts that is at least as similar as the threshold, or None.

    Most texts are told apart by a bound that is five times cheaper than their trigrams: they share no more with the text than
    their words do, and the union is no smaller than the text.
    """
    own = trigrams(text)
    if not own:
        return None
    least = threshold * len(own) - ROUNDING
    shared = _Shared(own)
    for other in earlier:
        if sum(map(shared.__getitem__, set(_words(other)))) < least:
            continue
        likeness = similarity(own, trigrams(other))
        if likeness >= threshold:
            return Near(other, likeness)
    return None


class _Shared(dict[str, int]):
    """Counts the trigrams that a word shares with a text, once for each word."""

    def __init__(self, own: frozenset[str]) -> None:
        super().__init__()
        self._own = own

    def __missing__(self, word: str) -> int:
        if len(self) >= MAX_WORDS:
            self.clear()
        count = self[word] = len(self._own & trigrams(word))
        return count
