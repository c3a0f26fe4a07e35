"""How many tokens a text will count, before anybody has counted them. Calls no provider."""

from __future__ import annotations

import math

LETTERS_PER_TOKEN = 4.2
TOKENS_PER_PUNCTUATION = 0.6
BYTES_PER_TOKEN = 3


def estimate_tokens(text: str) -> int:
    """Counts by class of character; measured against Gemma's vocabulary it is at most 4 % too low, and up to a third
    too high on Latin text, code, JSON and ids (every digit is a token there)."""
    letters = digits = others = wide_bytes = 0
    for character in text:
        if not character.isascii():
            wide_bytes += len(character.encode("utf-8", "replace"))
        elif character.isalpha() or character.isspace():
            letters += 1
        elif character.isdigit():
            digits += 1
        else:
            others += 1
    return math.ceil(
        letters / LETTERS_PER_TOKEN + digits + others * TOKENS_PER_PUNCTUATION + wide_bytes / BYTES_PER_TOKEN
    )
