"""Loads the statements of queries/, each named after the method that runs it, and encodes rows for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from textwrap import indent
from typing import Any

from sqlalchemy import TextClause, text

from botticelli.untrusted.storable import storable

ODD = re.compile(r"\\u(0000|[dD][89a-fA-F])")
"""Matches the JSON escapes that Postgres may not store: NUL, and surrogates (which are invalid only when unpaired)."""
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_INCLUDED = re.compile(r"^( *)\{(\w+)\.sql\}$", re.MULTILINE)


@cache
def statement(name: str) -> TextClause:
    """Load `queries/{name}.sql`. A line `{other.sql}` in it stands for that statement."""
    return text(_INCLUDED.sub(_included, _read(name)))


def _included(match: re.Match[str]) -> str:
    return indent(_COMMENT.sub("", _read(match[2])).rstrip(), match[1])


def _read(name: str) -> str:
    return files("botticelli.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def as_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Encode rows for `jsonb_populate_recordset`: a JSON array of objects with the names of the columns.

    Dates and decimals become text that Postgres parses.
    """
    copies = [dict(row) for row in rows]
    text = json.dumps(copies, default=str)
    return json.dumps(storable(copies), default=str) if ODD.search(text) else text


def columns_of(row: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name, without copying their values."""
    return {field.name: getattr(row, field.name) for field in fields(row)}
