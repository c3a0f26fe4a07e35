"""Splits long message texts and disarms mentions. Sends nothing.

Source of the 2,000 characters and of the flags: Discord's documentation, "Create message".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

MOST_CHARACTERS = 2000
SUPPRESS_EMBEDS = 1 << 2
_FENCE = re.compile(r"^[ ]{0,3}(```+)([^\n`]*)", re.MULTILINE)
_LINK = re.compile(r"https?://", re.IGNORECASE)
_MASS = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_JOINERS = ("\u200d", "\ufe0f")


def defused(text: str, allowed: Sequence[str] = ()) -> str:
    """Insert a zero-width space into @everyone and @here unless they are allowed."""
    return text if "everyone" in allowed else _MASS.sub("@\u200b", text)


def has_link(text: str) -> bool:
    return _LINK.search(text) is not None


def mentions(allowed: Sequence[str]) -> dict[str, Any]:
    """Return Discord's `allowed_mentions`: whom the text may ping, by default nobody."""
    return {"parse": list(allowed), "replied_user": False}


def split_text(text: str, most: int = MOST_CHARACTERS) -> list[str]:
    """Split a text into parts of at most `most` characters.

    Cuts at line ends, else between words, else between letters. A code block stays whole if it fits in a part, else it is
    closed and reopened.
    """
    parts, rest = [], text.strip("\n")
    while len(rest) > most:
        head, rest = _cut(rest, most)
        if head.strip():
            parts.append(head)
    return [*parts, rest] if rest.strip() else parts


def _cut(text: str, most: int) -> tuple[str, str]:
    blocks = _blocks(text)
    room = text[: most + 1]
    for border in ("\n", " "):
        at = room.rfind(border)
        while at > 0:
            block = next(((start, end, mark) for start, end, mark in blocks if start < at < end), None)
            if block is None:
                return text[:at].rstrip(), text[at + 1 :].lstrip("\n")
            at = room.rfind(border, 0, block[0] + 1) if block[0] else -1
    block = next(((start, end, mark) for start, end, mark in blocks if start < most < end), None)
    if block is not None and block[0] == 0:
        return _cut_block(text, most, block[2])
    at = _between_letters(text, block[0] if block else most)
    return text[:at], text[at:]


def _blocks(text: str) -> list[tuple[int, int, str]]:
    """Yield start, end and opening mark of each code block; an unclosed one extends to the end."""
    blocks, opened = [], None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif len(fence[1]) >= len(opened[1]) and not fence[2].strip():
            blocks.append((opened.start(), fence.end(), opened[1] + opened[2]))
            opened = None
    if opened is not None:
        blocks.append((opened.start(), len(text), opened[1] + opened[2]))
    return blocks


def _cut_block(text: str, most: int, mark: str) -> tuple[str, str]:
    """Cut inside a code block that starts the text and is longer than a part."""
    mark = mark if len(mark) < 40 else "```"
    ticks = "`" * (len(mark) - len(mark.lstrip("`")))
    room = most - len(ticks) - 1
    first = text.find("\n") + 1
    at = text.rfind("\n", first + 1, room)
    cut = at if at > first else _between_letters(text, room)
    return f"{text[:cut]}\n{ticks}", f"{mark}\n{text[cut:].removeprefix(chr(10))}"


def _between_letters(text: str, at: int) -> int:
    """Return the last position at or before `at` that doesn't split a combined character."""
    best = at
    while best > max(1, at - 64):
        joined = text[best] in _JOINERS or text[best - 1] == _JOINERS[0] or unicodedata.combining(text[best])
        if not joined:
            return best
        best -= 1
    return at
