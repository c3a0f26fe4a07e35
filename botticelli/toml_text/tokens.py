"""Cuts TOML text into tokens in linear time, before any parser sees it, and refuses what would make a parser slow.

It knows no more of TOML than strings, comments and marks; whether the text is TOML is for `tomllib` to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

MAX_KEY_PARTS = 8
MAX_DEPTH = 32
MAX_TOKENS = 20_000
"""A key, a value and a mark are one each, however long: about 5,000 lines `key = value`."""

_TOKEN = re.compile(
    r"""(?P<skip>[ \t]++|\#[^\n]*+)
      | (?P<string>\"\"\"(?:[^"\\]++|\\.|"{1,2}+(?!"))*+"{3,5}
                  |'''(?:[^']++|'{1,2}+(?!'))*+'{3,5}
                  |"(?!"")(?:[^"\\\n]++|\\[^\n])*+"
                  |'(?!'')[^'\n]*+')
      | (?P<unclosed>["'])
      | (?P<mark>[\[\]{}=,.\n])
      | (?P<bare>[^\s\[\]{}=,.\#"']++)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of the text from `start` to before `end`; `kind` is `string`, `bare`, `other`, or the mark itself."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the text is not even parsed, and the offset of the character where that shows."""

    offset: int
    message: str
    hint: str = ""


def tokenize(text: str) -> tuple[Token, ...] | Refusal:
    """The tokens of `text` without blanks and comments; or what is beyond a cap, or a string that never ends."""
    tokens: list[Token] = []
    depth = parts = 0
    after_dot = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "skip":
            continue
        if kind == "unclosed":
            return Refusal(match.start(), "this text has no closing quote", "end it with the quote it begins with")
        if kind == "mark":
            kind = match.group()
        depth += (kind in "[{") - (kind in "]}")
        if depth > MAX_DEPTH:
            return Refusal(match.start(), f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        if kind in {"bare", "string"}:
            parts = parts + 1 if after_dot else 1
        if parts > MAX_KEY_PARTS:
            return Refusal(match.start(), f"a key has more than {MAX_KEY_PARTS} parts", "use fewer dots")
        if len(tokens) >= MAX_TOKENS:
            return Refusal(match.start(), f"there are more than {MAX_TOKENS:,} keys, values and marks", "write less")
        after_dot = kind == "."
        tokens.append(Token(kind, match.start(), match.end()))
    return tuple(tokens)
