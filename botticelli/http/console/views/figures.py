"""Writes numbers, money, times and foreign text for pages."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

UNSAFE = frozenset(("Cc", "Cs", "Co", "Cn"))
REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
SMALL_USD = 0.001
DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS = 86_400, 3_600, 60


def number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def money(cost_usd: Decimal | float | None) -> str:
    """Format US dollars: four decimals, two significant digits below $0.001, `unknown` for None."""
    if cost_usd is None:
        return "unknown"
    if cost_usd == 0:
        return "$0"
    return f"${cost_usd:.2g}" if abs(float(cost_usd)) < SMALL_USD else f"${cost_usd:,.4f}"


def duration(seconds: float | None) -> str:
    """Format seconds as `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min` or `3 d 04 h`."""
    if seconds is None:
        return "unknown"
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < MINUTE_SECONDS:
        return f"{whole} s"
    if whole < HOUR_SECONDS:
        return f"{whole // MINUTE_SECONDS} min {whole % MINUTE_SECONDS:02} s"
    if whole < DAY_SECONDS:
        return f"{whole // HOUR_SECONDS} h {whole % HOUR_SECONDS // MINUTE_SECONDS:02} min"
    return f"{whole // DAY_SECONDS} d {whole % DAY_SECONDS // HOUR_SECONDS:02} h"


def moment(value: datetime | None) -> str:
    """Format a time in UTC, to the second."""
    return "-" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(value: datetime | None) -> str:
    return "" if value is None else value.astimezone(UTC).isoformat(timespec="seconds")


def visible(text: object) -> str:
    """Return a foreign text with characters that control or reorder shown as their code, such as `<U+202E>`."""
    return "".join(f"<U+{ord(letter):04X}>" if _is_hidden(letter) else letter for letter in str(text))


def _is_hidden(letter: str) -> bool:
    if letter in "\n\t":
        return False
    return letter in REORDERING or unicodedata.category(letter) in UNSAFE
