"""Looks up a column of a row, and what is in it; names of columns may have dots and blanks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from botticelli.errors import TemplateError
from botticelli.narrative.source.problems import did_you_mean, shown
from botticelli.narrative.templates.json_path import look_up


def row_value(row: Any, path: Sequence[str], *, reference: str) -> Any:
    """Return the value at `path`: the longest name of a column that it begins with, then a path into its value.

    An empty path is the row itself; an item of a list need not have columns. Raises TemplateError where there is no such
    column or value.
    """
    if not path or not isinstance(row, Mapping):
        return look_up(row, path, reference=reference)
    column = column_of(path, row)
    if column is None:
        hint = did_you_mean(".".join(path), row, otherwise="its columns are")
        raise TemplateError(f"the row has no column {shown('.'.join(path))}", where=reference, do=hint)
    return look_up(row[column], path[column.count(".") + 1 :], reference=reference)


def column_of(path: Sequence[str], columns: Collection[str]) -> str | None:
    """Return the column that a path begins with; None when there is none."""
    names = (".".join(path[:end]) for end in range(len(path), 0, -1))
    return next((name for name in names if name in columns), None)
