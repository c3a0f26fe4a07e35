"""Checks a text against rules that need no model, and says in one line each which of them it breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from botticelli.gates.languages import LANGUAGES, detect_language
from botticelli.gates.patterns import is_match

_SHOWN_CHARACTERS = 80
_LINK = re.compile(
    r"""(?xi)
    \b(?:https?|ftp)://[^\s<>]+                                     # with a scheme
    | \bwww\.[^\s<>]+
    | \bdiscord(?:app)?\.(?:gg|com)/[^\s<>]+
    | (?<![\w.@-])[a-z0-9][a-z0-9-]{0,62}\.(?:com|net|org|info|io|co|app|dev|ai|gg|me|ly|de|fr|it|es|eu|uk|us)\b(?!@)
    | (?<=\])\([^()\s]+\)                                           # the target of a Markdown link
    """
)
_MENTION = re.compile(r"<(?:@[!&]?|\#)\d+>|(?<![\w.@/])@[A-Za-z0-9_][\w.]*")


class Failure(NamedTuple):
    """A broken rule: its name, and a sentence that says how, which may quote the text."""

    rule: str
    reason: str


class Checks(BaseModel):
    """Lists the rules for the text of an answer. A rule that is not given is not checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str | None = None
    """The key of a JSON answer whose text is checked; None: the whole answer."""
    min_chars: int | None = None
    max_chars: int | None = None
    must_match: tuple[str, ...] = ()
    must_not_match: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    """Codes of the languages that are accepted."""
    no_links: bool = False
    no_mentions: bool = False


def failed_checks(text: str, checks: Checks) -> tuple[Failure, ...]:
    """Return the rules that the text breaks, in order; none when it keeps all."""
    return tuple(_failures(text.strip(), checks))


def _failures(text: str, checks: Checks) -> Iterator[Failure]:
    if checks.min_chars is not None and len(text) < checks.min_chars:
        yield Failure("min_chars", f"it has {_characters(len(text))}; at least {checks.min_chars:,} are needed")
    if checks.max_chars is not None and len(text) > checks.max_chars:
        yield Failure("max_chars", f"it has {_characters(len(text))}; at most {checks.max_chars:,} are allowed")
    for pattern in checks.must_match:
        if not is_match(pattern, text):
            yield Failure("must_match", f"it does not match the pattern {_shown(pattern)}, which it must")
    for pattern in checks.must_not_match:
        if is_match(pattern, text):
            yield Failure("must_not_match", f"it matches the pattern {_shown(pattern)}, which it must not")
    yield from _wrong_language(text, checks.language)
    if checks.no_links:
        yield from _unwanted(text, _LINK, "link")
    if checks.no_mentions:
        yield from _unwanted(text, _MENTION, "mention")


def _wrong_language(text: str, languages: tuple[str, ...]) -> Iterator[Failure]:
    """Yield a failure only for a language that is known with some certainty."""
    detected = detect_language(text) if languages else None
    if detected is not None and detected not in languages:
        expected = " or ".join(LANGUAGES[code] for code in languages)
        yield Failure("language", f"it seems to be written in {LANGUAGES[detected]}; it must be in {expected}")


def _unwanted(text: str, pattern: re.Pattern[str], name: str) -> Iterator[Failure]:
    match = pattern.search(text)
    if match is not None:
        yield Failure(f"no_{name}s", f"it contains the {name} {_shown(match[0])}; no {name}s are allowed")


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count:,} characters"


def _shown(text: str) -> str:
    return f'"{text}"' if len(text) <= _SHOWN_CHARACTERS else f'"{text[:_SHOWN_CHARACTERS]}..."'
