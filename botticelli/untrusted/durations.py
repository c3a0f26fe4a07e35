"""Reads durations as people write them: `90`, `45s`, `1h30m`, `3d`, `2w`; a number without a unit is in seconds."""

from __future__ import annotations

import re

FORMS = "90, 45s, 1h30m, 3d or 2w"
"""The accepted forms, as they stand in messages."""
MAX_SECONDS = 100 * 365 * 86_400
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
DURATION = re.compile(rf"{_NUMBER}|(?:{_NUMBER}[smhdw])+")
_PART = re.compile(rf"({_NUMBER})([smhdw]?)")


def parse_seconds(text: str) -> float | None:
    """Return a duration in seconds; None for a text of another form. May exceed MAX_SECONDS."""
    if len(text) > 100 or not DURATION.fullmatch(text):
        return None
    return sum(float(count) * _UNIT_SECONDS[unit or "s"] for count, unit in _PART.findall(text))
