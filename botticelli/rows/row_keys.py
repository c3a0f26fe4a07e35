"""Derives the key of a row: the value of its key columns, or a digest of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_KEY_CHARACTERS = 500
DIGEST_CHARACTERS = 32
compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Returns a value as compact JSON."""


class BadKey(ValueError):
    """Says why a row has no key."""


def key_of(values: Mapping[str, Any], columns: Sequence[str], text: str) -> str:
    """Return the key of a row: its one key column as text, several as a JSON list; without any, a digest of `text`.

    Raises BadKey for a column that is missing or empty, and for a key that is too long to be looked up.
    """
    if not columns:
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]
    for column in columns:
        if column not in values:
            raise BadKey(f"has no column {column}, which is its key")
        if values[column] in (None, "", [], {}):
            raise BadKey(f"{column} is empty, which is its key")
    parts = [values[column] for column in columns]
    key = parts[0] if len(parts) == 1 and isinstance(parts[0], str) else compact(parts[0] if len(parts) == 1 else parts)
    if len(key) > MAX_KEY_CHARACTERS:
        raise BadKey(f"its key has {len(key):,} characters, the limit is {MAX_KEY_CHARACTERS}")
    return key
