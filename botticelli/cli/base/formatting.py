"""Formats values for people: escaped text, numbers, money, durations, local times and bars."""

from __future__ import annotations

import math
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

_UNSAFE = ("Cc", "Cs", "Zl", "Zp")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
SHORT_ID = 8
BARS = "▁▂▃▄▅▆▇█"


def safe(text: str, *, keep: str = "") -> str:
    r"""Escape text from outside for a terminal: characters that move the cursor, colour or reorder become `\x1b`.

    `keep` names control characters that stay as they are, such as a line end or a tab.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in keep or not _is_unsafe(letter) else _escaped(letter) for letter in text)


def one_line(text: str, width: int) -> str:
    """Shorten a text to at most `width` characters, with white space folded and `…` where it was cut."""
    folded = safe(re.sub(r"\s+", " ", text[: 4 * width]).strip())
    return folded if len(folded) <= width and len(text) <= 4 * width else folded[: max(0, width - 1)] + "…"


def _is_unsafe(letter: str) -> bool:
    return letter in _BIDI or unicodedata.category(letter) in _UNSAFE


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")


TINY_USD = 0.001


def number(value: int) -> str:
    return f"{value:,}"


def iterations(count: int) -> str:
    return f"{number(count)} iteration{'' if count == 1 else 's'}"


def money(cost_usd: Decimal | float | None) -> str:
    """Format US dollars: four decimals, two significant digits below $0.001, `unknown` for None."""
    if cost_usd is None:
        return "unknown"
    if not 0 < cost_usd < TINY_USD:
        return f"${cost_usd:,.4f}"
    digits = 1 - math.floor(math.log10(cost_usd))
    return f"${float(cost_usd):.{digits}f}".rstrip("0")


def duration(seconds: float) -> str:
    """Format seconds as `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min` or `3 d 04 h`."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02} h"


def moment(value: datetime | None) -> str:
    """Format a time in the local zone, to the second; `-` for None."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if value else "-"


def short(run_id: str) -> str:
    return safe(run_id)[:SHORT_ID]


def gauge(used: int, held: int, limit: int, width: int = 20) -> str:
    """Draw a bar of `width` characters: used █, held ▒, free ░."""
    if limit <= 0:
        return "█" * width
    full = min(width, round(width * used / limit))
    claimed = min(width, round(width * (used + held) / limit))
    return "█" * full + "▒" * (claimed - full) + "░" * (width - claimed)


def sparkline(values: Sequence[int]) -> str:
    """Draw a bar for each value, scaled to the largest; zero is a dot."""
    most = max(values, default=0)
    return "".join(BARS[-(-value * len(BARS) // most) - 1] if value > 0 else "·" for value in values)


def is_terminal() -> bool:
    """Return whether stdout is a terminal that can redraw a panel."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
