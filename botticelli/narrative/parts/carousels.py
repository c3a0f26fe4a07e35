"""Reads a carousel: how often something is performed, within which limits, and over which rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botticelli.errors import InvalidInput
from botticelli.narrative.execution import NO_CAP, Carousel, ForEach, Multipliers
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import TABLE, fits, read_table
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.source_text import FileMissing, Unreadable, open_within
from botticelli.narrative.source.suggest import shown
from botticelli.rows.files import FileForm, FileSource, from_descriptor
from botticelli.rows.lists import ListSource
from botticelli.rows.row import BadRow
from botticelli.toml_text.positions import TomlPath


def read_budget(path: TomlPath, table: dict[str, Any] | None, problems: Problems) -> Multipliers:
    """Read the multipliers of a narrative or a carousel."""
    if table is None:
        return Multipliers()
    return Multipliers(**read_table(problems, path, table, keys.BUDGET, subject=f"[{'.'.join(map(str, path))}]"))


def read_carousel(
    path: TomlPath, value: Any, problems: Problems, folders: Sequence[Path] | None = None
) -> Carousel | None:
    """Read a carousel; None when it says neither how often nor over which rows. `folders` are searched for their file."""
    table = read_table(problems, path, value, keys.CAROUSEL, subject="a carousel")
    budget = read_budget((*path, "budget"), table.pop("budget", None), problems)
    written = table.pop("foreach", None)
    foreach = None if written is None else _read_foreach((*path, "foreach"), written, problems, folders)
    table["key"] = _as_columns(table.get("key", ()))
    if any(name in value for name in ("foreach", "key", "batch_rows")):
        table.setdefault("iterations", NO_CAP)
        _check_key((*path, "key"), table["key"], foreach.columns if foreach else None, problems)
    elif "iterations" not in value:
        problems.add((*path, "iterations"), "is missing", "say how often: iterations = 10")
    return Carousel(**table, budget=budget, foreach=foreach) if "iterations" in table else None


def open_file(foreach: ForEach, folders: Sequence[Path]) -> FileSource:
    """Open the file of rows that a narrative names, in one of its folders. InvalidInput, Unreadable."""
    name = str(foreach.file)
    form = FileForm(foreach.format, foreach.encoding, foreach.delimiter)
    return from_descriptor(open_within(folders, name), name, form)


def _read_foreach(path: TomlPath, value: Any, problems: Problems, folders: Sequence[Path] | None) -> ForEach | None:
    if isinstance(value, list):
        return _read_list(path, value, problems)
    table = read_table(problems, path, value, keys.FOREACH, subject="foreach")
    if "file" not in value:
        problems.add((*path, "file"), "is missing", 'name the file of the rows: file = "rows.csv"')
    if "file" not in table:
        return None
    foreach = ForEach(**table)
    if folders is None:
        problems.add((*path, "file"), "a narrative sent as text can't read files", "send the rows with it")
        return foreach
    try:
        source = open_file(foreach, folders)
        try:
            return foreach.model_copy(update={"columns": source.columns})
        finally:
            source.close()
    except FileMissing as error:
        problems.warn(
            (*path, "file"), f"{shown(table['file'])}: {error}", "put it beside the narrative, or give --rows"
        )
    except Unreadable as error:
        problems.add((*path, "file"), f"{shown(table['file'])}: {error}")
    except InvalidInput as error:
        where = error.where or shown(table["file"])
        problems.add((*path, "file"), f"{where}: {error.what}", error.do)
    return foreach


def _read_list(path: TomlPath, rows: list[Any], problems: Problems) -> ForEach | None:
    good = [fits(problems, (*path, index), row, TABLE) for index, row in enumerate(rows)]
    if not rows:
        problems.add(path, "has no rows", "give at least one")
    if not rows or not all(good):
        return None
    source = ListSource(rows, "foreach")
    for index, row in enumerate(source.read()):
        if isinstance(row, BadRow):
            problems.add((*path, index), row.reason, "write text, numbers, true or false")
            return None
    return ForEach(rows=tuple(rows), columns=source.columns)


def _as_columns(key: str | Sequence[str]) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key)


def _check_key(path: TomlPath, key: Sequence[str], columns: Sequence[str] | None, problems: Problems) -> None:
    for column in key:
        if columns is not None and column not in columns:
            hint = problems.guess(column, columns, otherwise="the columns are")
            problems.add(path, f"the rows have no column {shown(column)}", hint)
