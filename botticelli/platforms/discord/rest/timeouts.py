"""Checks the option `timeout_seconds` of Discord's client when the platform is made. Opens no connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botticelli.errors import SettingsError

TIMEOUT_SECONDS = 15.0
MAX_TIMEOUT_SECONDS = 3600.0


def timeout_seconds(options: Mapping[str, Any]) -> float:
    """Return the timeout of one connect, write or read in seconds. Raises SettingsError if it is invalid."""
    given = options.get("timeout_seconds", TIMEOUT_SECONDS)
    try:
        seconds = 0.0 if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        where, do = "platforms.discord.options.timeout_seconds", f"give a number up to {MAX_TIMEOUT_SECONDS:g}"
        raise SettingsError("must be a number of seconds", where=where, do=do)
    return seconds
