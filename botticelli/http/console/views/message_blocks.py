"""Reads the Markdown of a message as Discord shows it: code, bold, italics, struck, quotes. Anything else is text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "code", "bold", "italic", "struck"]
FENCE = re.compile(r"```(?:[a-zA-Z0-9_+-]*\n)?(.*?)```", re.DOTALL)
SPAN = re.compile(
    r"`(?P<code>[^`\n]{1,2000})`|\*\*(?P<bold>[^*\n]{1,2000})\*\*|~~(?P<struck>[^~\n]{1,2000})~~"
    r"|\*(?P<italic>[^*\s][^*\n]{0,2000})\*|\b_(?P<under>[^_\s][^_\n]{0,2000})_\b"
)
MAX_CHARACTERS = 20_000
"""Longer texts are shown as they are."""


@dataclass(frozen=True, slots=True)
class Span:
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a message: lines of text, a quote, or a block of code."""

    kind: Literal["text", "quote", "code"]
    spans: tuple[Span, ...]


def blocks_of(text: str) -> list[Block]:
    """Cut a message into blocks. Never fails, and loses no letter but the marks themselves."""
    if len(text) > MAX_CHARACTERS:
        return [Block("text", (Span("text", text),))]
    blocks: list[Block] = []
    at = 0
    for match in FENCE.finditer(text):
        blocks += _paragraphs(text[at : match.start()])
        blocks.append(Block("code", (Span("text", match[1].strip("\n")),)))
        at = match.end()
    return [*blocks, *_paragraphs(text[at:])]


def _paragraphs(text: str) -> Iterator[Block]:
    """Yield blocks of consecutive lines that are quoted, or are not."""
    lines: list[str] = []
    quoted = False
    for line in text.strip("\n").split("\n") if text.strip("\n") else ():
        is_quote = line.startswith("> ")
        if lines and is_quote != quoted:
            yield _block(lines, quoted)
            lines = []
        quoted = is_quote
        lines.append(line[2:] if is_quote else line)
    if lines:
        yield _block(lines, quoted)


def _block(lines: list[str], quoted: bool) -> Block:
    return Block("quote" if quoted else "text", tuple(_spans("\n".join(lines))))


def _spans(text: str) -> Iterator[Span]:
    at = 0
    for match in SPAN.finditer(text):
        if match.start() > at:
            yield Span("text", text[at : match.start()])
        kind = match.lastgroup or "text"
        yield Span("italic" if kind == "under" else _KINDS[kind], match[kind])
        at = match.end()
    if at < len(text):
        yield Span("text", text[at:])


_KINDS: dict[str, Kind] = {"code": "code", "bold": "bold", "struck": "struck", "italic": "italic"}
