"""Makes the schema of an answer from the columns of a content table."""

from __future__ import annotations

from collections.abc import Mapping

from botticelli.answer_schema.keywords import Schema

KINDS: Mapping[str, Schema] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "json": {},
}
"""Schemas of the kinds of columns."""


def schema_of_columns(columns: Mapping[str, str]) -> Schema:
    """Return the schema of an object with a value for each column; `columns` maps names to kinds."""
    properties = {name: dict(KINDS[kind]) for name, kind in columns.items()}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
