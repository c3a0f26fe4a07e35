"""Types of content columns, and JSON values as SQL of these types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, Date, DateTime, Numeric, Text, cast, literal, null
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from botticelli.untrusted.storable import storable

TYPES: Mapping[str, TypeEngine[Any]] = {
    "text": Text(),
    "number": Numeric(),
    "boolean": Boolean(),
    "timestamp": DateTime(timezone=True),
    "date": Date(),
    "json": JSONB(),
}


def typed(kind: str, value: Any) -> Any:
    """Express a JSON value in SQL, so that Postgres decides whether it fits the column."""
    if value is None:
        return null()
    if kind == "json":
        return storable(value)
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cast(literal(storable(plain), Text()), TYPES[kind])
