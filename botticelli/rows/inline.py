"""Takes the rows that fit into one message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botticelli.errors import InvalidInput
from botticelli.rows.lists import checked_row
from botticelli.rows.row import BadRow

MAX_INLINE_CHARACTERS = 500_000
"""Characters of the rows of one message, as JSON."""


def take_inline(rows: Iterator[Any]) -> tuple[list[Any], bool]:
    """Take rows until they are too many for one message; return them, and whether these are all.

    InvalidInput for a row that can't be written as JSON.
    """
    taken: list[Any] = []
    characters = 0
    for number, values in enumerate(rows, 1):
        row = checked_row(number, values)
        if isinstance(row, BadRow):
            raise InvalidInput(row.reason, where=f"rows, entry {number}")
        taken.append(row.values)
        characters += len(json.dumps(row.values)) + 2
        if characters > MAX_INLINE_CHARACTERS:
            return taken, False
    return taken, True
