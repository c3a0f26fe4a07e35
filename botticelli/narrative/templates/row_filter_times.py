"""Reads dates and times in a `where`: NOW(), CURRENT_DATE, DATE '2026-01-31', each plus or minus intervals."""

from __future__ import annotations

import datetime
import re
from typing import Any

from botticelli.narrative.model import PointInTime

MAX_PARTS = 8
"""Limits the intervals of one date or time."""

_NOW = {"CurrentTimestamp": "now", "Localtimestamp": "now", "CurrentDate": "today"}
_DATE_TYPES = ("DATE", "TIMESTAMP", "TIMESTAMPTZ")
_UNITS = r"(?:second|minute|hour|day|week|month|year)s?"
_PART = re.compile(rf"\s*([+-]?\d{{1,6}}(?:\.\d{{1,6}})?)\s*({_UNITS})\s*", re.IGNORECASE)
_USE = "write an interval as INTERVAL '7 days': a number and seconds, minutes, hours, days, weeks, months or years"


class NotAMoment(ValueError):
    """Refuses a node that begins as a date or time but is not one; the message says what would be accepted."""


def moment_of(node: Any) -> PointInTime | None:
    """Read a node of the parser as a date or time; None for a node of another kind. Raises NotAMoment."""
    parts: list[str] = []
    while type(node).__name__ in ("Add", "Sub", "Paren"):
        if type(node).__name__ != "Paren":
            sign = -1 if type(node).__name__ == "Sub" else 1
            parts[:0] = _interval(node.expression, sign, is_of_date=_base(node.this) == "today")
        node = node.this
    base = _base(node)
    if base is None:
        if any(parts):
            raise NotAMoment("only NOW(), CURRENT_DATE and dates take an interval")
        return None
    if len(parts) > MAX_PARTS:
        raise NotAMoment(f"has more than {MAX_PARTS} intervals")
    return PointInTime(base=base, offset=" ".join(parts))


def _base(node: Any) -> str | None:
    name = type(node).__name__
    if name in _NOW:
        precision = [value for value in node.args.values() if value not in (None, False, [])]
        return None if precision else _NOW[name]
    if name == "Cast" and getattr(node.this, "is_string", False):
        kind = node.args["to"].this
        return _written(str(node.this.this)) if getattr(kind, "name", "") in _DATE_TYPES else None
    return None


def _written(text: str) -> str:
    try:
        datetime.datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise NotAMoment(f"{text[:40]} is not a date; write it as 2026-01-31 or 2026-01-31 18:30") from error
    return text.strip()


def _interval(node: Any, sign: int, *, is_of_date: bool) -> list[str]:
    """Read an interval as parts such as `-7 days`; a bare number added to CURRENT_DATE counts days."""
    name = type(node).__name__
    if name == "Paren":
        return _interval(node.this, sign, is_of_date=is_of_date)
    if name == "Mul":
        sides = (node.this, node.expression)
        numbers = [side for side in sides if type(side).__name__ == "Literal" and str(side.this).isdigit()]
        others = [side for side in sides if type(side).__name__ == "Interval"]
        if len(numbers) == len(others) == 1 and len(str(numbers[0].this)) <= 4:
            return _interval(others[0], sign * int(numbers[0].this), is_of_date=False)
    if name == "Literal" and is_of_date and str(node.this).isdigit() and len(str(node.this)) <= 6:
        return [f"{sign * int(node.this)} days"]
    if name != "Interval" or not getattr(node.this, "is_string", False):
        raise NotAMoment(_USE)
    unit = node.args.get("unit")
    text = f"{node.this.this} {unit.name}" if unit is not None else str(node.this.this)
    parts = list(_PART.finditer(text))
    if not parts or "".join(part.group() for part in parts) != text:
        raise NotAMoment(_USE)
    return [f"{_times(part[1], sign)} {part[2].lower()}" for part in parts]


def _times(number: str, sign: int) -> str:
    value = float(number) * sign
    return str(int(value)) if value.is_integer() else str(value)
