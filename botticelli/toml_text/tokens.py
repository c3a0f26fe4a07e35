"""Cuts TOML text into tokens in linear time, before any parser sees it, and refuses what would make a parser slow.

Recognises only strings, comments and punctuation; `tomllib` decides whether the text is valid TOML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

MAX_KEY_PARTS = 8
MAX_DEPTH = 32
MAX_TOKENS = 20_000
"""Limits keys, values and punctuation together, each counted as one: about 5,000 lines `key = value`."""

_TOKEN = re.compile(
    r"""(?P<skip>[ \t]+|\#[^\n]*)
      | (?P<quote>\"\"\"|'''|"|')
      | (?P<mark>[\[\]{}=,.\n])
      | (?P<bare>[^\s\[\]{}=,.\#"']+)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ENDS = {
    '"""': re.compile(r'\\.|"{3,5}', re.DOTALL),
    "'''": re.compile(r"'{3,5}"),
    '"': re.compile(r'\\.|"|\n', re.DOTALL),
    "'": re.compile(r"'|\n"),
}
"""Matches what ends a string with this opening quote, an escape that must be skipped, or a line end that breaks it."""


class Token(NamedTuple):
    """Marks a piece of the text from `start` to before `end`; `kind` is `string`, `bare`, `other`, or the punctuation."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Says why a text is not parsed, and at which character."""

    offset: int
    message: str
    hint: str = ""


def tokenize(text: str) -> tuple[Token, ...] | Refusal:
    """Return the tokens of `text` without blanks and comments, or a Refusal: a limit is passed or a string never ends."""
    tokens: list[Token] = []
    depth = parts = 0
    after_dot = False
    at = 0
    while match := _TOKEN.match(text, at):
        kind, start, at = match.lastgroup or "other", match.start(), match.end()
        if kind == "skip":
            continue
        if kind == "quote":
            kind, at = "string", _end_of_string(text, at, match.group())
        if at < 0:
            return Refusal(start, "this string has no closing quote", "end it with the quote it begins with")
        if kind == "mark":
            kind = match.group()
        depth += (kind in "[{") - (kind in "]}")
        if depth > MAX_DEPTH:
            return Refusal(start, f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        if kind in {"bare", "string"}:
            parts = parts + 1 if after_dot else 1
        if parts > MAX_KEY_PARTS:
            return Refusal(start, f"a key has more than {MAX_KEY_PARTS} parts", "use fewer dots")
        if len(tokens) >= MAX_TOKENS:
            return Refusal(start, f"there are more than {MAX_TOKENS:,} keys, values and marks", "split the file")
        after_dot = kind == "."
        tokens.append(Token(kind, start, at))
    return tuple(tokens)


def _end_of_string(text: str, at: int, quote: str) -> int:
    """Return the offset behind the closing quote of a string whose content begins at `at`; -1 when there is none."""
    while match := _ENDS[quote].search(text, at):
        if match.group().startswith("\\"):
            at = match.end()
        elif match.group() == "\n":
            return -1
        else:
            return match.end()
    return -1
