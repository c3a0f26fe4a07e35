"""Defines the type of settings that take a duration: a number of seconds, or a text such as `1h30m`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from botticelli.untrusted.durations import FORMS, parse_seconds


def _seconds(value: Any) -> Any:
    """Return a duration as a number; any other value as it is, for pydantic to judge."""
    if not isinstance(value, str):
        return value
    seconds = parse_seconds(value.strip())
    if seconds is not None:
        return seconds
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"must be a duration: a number of seconds, or {FORMS}") from None


Seconds = Annotated[float, BeforeValidator(_seconds)]
