"""Log fields and their format. Writes no prompt, no output and no secret; keeps no metric."""

from __future__ import annotations

import json
import logging
from typing import Any

logger = logging.getLogger("botticelli")


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """One line `event key=value ...`; values are written as JSON when they are not plain words."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s%s", event, "".join(f" {name}={_plain(value)}" for name, value in fields.items()))


def _plain(value: Any) -> str:
    text = str(value)
    return text if text and text.isprintable() and not any(mark in text for mark in ' "=') else json.dumps(text)
