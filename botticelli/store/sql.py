"""Loads the statements of queries/, each named like the method that runs it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text


@cache
def statement(name: str) -> TextClause:
    """The statement of `queries/{name}.sql`."""
    return text(files("botticelli.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8"))
