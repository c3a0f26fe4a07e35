"""Loads the statements of queries/, each named like the method that runs it; and rows as one argument for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import TextClause, text

from botticelli.untrusted.storable import storable

ODD = re.compile(r"\\u(0000|[dD][89a-fA-F])")
"""How JSON writes what may not be storable: NUL, and surrogates, which are odd only where they are alone."""


@cache
def statement(name: str) -> TextClause:
    """The statement of `queries/{name}.sql`."""
    return text(files("botticelli.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8"))


def as_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows for `jsonb_populate_recordset`: a JSON array of objects with the names of the columns.

    Moments and decimals are written as Postgres reads them.
    """
    kept = [dict(row) for row in rows]
    text = json.dumps(kept, default=str)
    return json.dumps(storable(kept), default=str) if ODD.search(text) else text


def columns_of(row: Any) -> dict[str, Any]:
    """The fields of a dataclass by name; what is in them is not copied."""
    return {field.name: getattr(row, field.name) for field in fields(row)}
