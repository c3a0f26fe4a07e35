"""Reads a carousel: how often something is performed, within which limits, and over which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.errors import InvalidInput
from botticelli.narrative.execution import NO_CAP, Carousel, ForEach, Multipliers
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import TABLE, fits, read_table
from botticelli.narrative.model import TableInput
from botticelli.narrative.parts.inputs import Resource
from botticelli.narrative.source.problems import Problems, shown
from botticelli.narrative.source.source_text import FileMissing, Unreadable, open_within
from botticelli.rows.files import FileForm, FileSource, from_descriptor
from botticelli.rows.lists import ListSource
from botticelli.rows.row import BadRow
from botticelli.toml_text.lexer import TomlPath


def read_budget(path: TomlPath, table: dict[str, Any] | None, problems: Problems) -> Multipliers:
    """Read the multipliers of a narrative or a carousel."""
    if table is None:
        return Multipliers()
    return Multipliers(**read_table(problems, path, table, keys.BUDGET, subject=f"[{'.'.join(map(str, path))}]"))


@dataclass(frozen=True, slots=True)
class RowContext:
    """Holds what the rows of a carousel may be read from. `folders` is None for a narrative that was sent as text."""

    folders: Sequence[Path] | None = None
    resources: Mapping[str, Resource] = field(default_factory=dict)


def read_carousel(path: TomlPath, value: Any, problems: Problems, context: RowContext | None = None) -> Carousel | None:
    """Read a carousel; None when it says neither how often nor over which rows. Without a context it has no rows."""
    table = read_table(problems, path, value, keys.CAROUSEL, subject="a carousel")
    budget = read_budget((*path, "budget"), table.pop("budget", None), problems)
    written = table.pop("foreach", None)
    foreach = None
    if written is not None and context is not None:
        foreach = _read_foreach((*path, "foreach"), written, problems, context)
    table["key"] = _as_columns(table.get("key", ()))
    if context is not None and any(name in value for name in ("foreach", "key", "batch_rows")):
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


def _read_foreach(path: TomlPath, value: Any, problems: Problems, context: RowContext) -> ForEach | None:
    if isinstance(value, str):
        return _read_query(path, value, problems, context.resources)
    if isinstance(value, list):
        return _read_list(path, value, problems)
    table = read_table(problems, path, value, keys.FOREACH, subject="foreach")
    given = [key for key in ("file", "run") if key in value]
    if len(given) != 1:
        message = "file and run are both given" if given else "is missing"
        problems.add((*path, "file"), message, 'name one: file = "rows.csv", or run = "RUN"')
    elif given[0] in table:
        foreach = ForEach(**table)
        return (
            _read_file(path, foreach, problems, context)
            if foreach.file
            else _read_run(path, foreach, problems, context)
        )
    return None


def _read_query(path: TomlPath, name: str, problems: Problems, resources: Mapping[str, Resource]) -> ForEach | None:
    """Read the name of a table query of the file. Its limit counts only where it is written."""
    resource = resources.get(name) if name.startswith("tables.") else None
    if resource is None:
        known = [known for known in resources if known.startswith("tables.")]
        hint = (
            problems.guess(name, known, otherwise="the table queries are")
            or 'define it: [tables.NAME] table_name = "..."'
        )
        problems.add(path, f"there is no table query {shown(name)}", hint)
        return None
    resource.is_used = True
    query = resource.input
    if not isinstance(query, TableInput):
        return None
    for key in ("sample", "pull_and_delete"):
        if getattr(query, key):
            problems.add(path, f"{name} has {key}, which rows of a carousel can't have", "remove it")
    left_out = None if "limit" in query.model_fields_set else {"limit"}
    table = query.model_dump(mode="json", exclude_none=True, exclude=left_out)
    return ForEach(table=table, columns=query.columns or None)


def _read_run(path: TomlPath, foreach: ForEach, problems: Problems, context: RowContext) -> ForEach:
    if context.folders is None:
        problems.add((*path, "run"), "a narrative sent as text can't read other runs", "send the rows with it")
    return foreach


def _read_file(path: TomlPath, foreach: ForEach, problems: Problems, context: RowContext) -> ForEach:
    """Read the columns of the file, where it is there."""
    path, name = (*path, "file"), shown(str(foreach.file))
    if context.folders is None:
        problems.add(path, "a narrative sent as text can't read files", "send the rows with it")
        return foreach
    try:
        source = open_file(foreach, context.folders)
        try:
            return foreach.model_copy(update={"columns": source.columns})
        finally:
            source.close()
    except FileMissing as error:
        problems.warn(path, f"{name}: {error}", "put it beside the narrative, or give --rows")
    except Unreadable as error:
        problems.add(path, f"{name}: {error}")
    except InvalidInput as error:
        problems.add(path, f"{error.where or name}: {error.what}", error.do)
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
