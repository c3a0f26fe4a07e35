"""Loads the statements of queries/, each named like the method that runs it; and rows as one argument for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import TextClause, text

from botticelli.store.storable import storable


@cache
def statement(name: str) -> TextClause:
    """The statement of `queries/{name}.sql`."""
    return text(files("botticelli.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8"))


def as_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """For `jsonb_populate_recordset`: a JSON array of objects with the names of the columns. Moments and decimals are
    written as Postgres reads them."""
    return json.dumps([storable(dict(row)) for row in rows], default=str)
