"""Writes log lines of an event with fields. Prompts, outputs and secrets must not be passed to it."""

from __future__ import annotations

import json
import logging
from typing import Any

logger = logging.getLogger("botticelli")


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log one line `event key=value ...`; a value that is not a plain word is written as JSON."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s%s", event, "".join(f" {name}={_plain(value)}" for name, value in fields.items()))


def _plain(value: Any) -> str:
    text = str(value)
    return text if text and text.isprintable() and not any(mark in text for mark in ' "=') else json.dumps(text)
