"""Reads the columns of an export, such as `row.title` or `act.draft.output.score`, and finds their values in a record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from botticelli.errors import InvalidInput, TemplateError
from botticelli.monitoring.export.records import Record
from botticelli.narrative.source.problems import did_you_mean
from botticelli.narrative.templates.json_path import look_up, parse_json_or_text

OF_RECORD = (
    *("key", "number", "line", "iteration", "status", "error"),
    *("cost_usd", "input_tokens", "output_tokens", "started_at", "finished_at"),
)
"""Columns of the record itself."""
OF_ACT = (
    *("output", "status", "error", "model", "attempt", "verdict"),
    *("cost_usd", "input_tokens", "output_tokens"),
)
"""Columns of `act.NAME`."""


@dataclass(frozen=True, slots=True)
class Known:
    """The names that columns may use. `row` is None when the columns of the rows are not known before."""

    acts: Collection[str]
    row: Collection[str] | None


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column: its name as it was written, and the value that a record has in it (None: none)."""

    name: str
    value: Callable[[Record], Any]


def parse_columns(text: str, known: Known) -> tuple[ExportColumn, ...]:
    """Read a list of columns, separated by commas. Raises InvalidInput for an unknown or doubled one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InvalidInput("--columns names no column", do="write names with commas, such as key,act.draft.output")
    if len(set(names)) < len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"--columns names {doubled!r} twice", do="name each column once")
    return tuple(_column(name, known) for name in names)


def default_columns(known: Known, *, has_rows: bool) -> tuple[ExportColumn, ...]:
    """Return the key, all columns of the row, the output of each act, status, error and cost."""
    names = ["key", *(f"row.{name}" for name in known.row or ())] if has_rows else ["iteration"]
    names += [f"act.{name}.output" for name in known.acts] + ["status", "error", "cost_usd"]
    return tuple(_column(name, known) for name in names)


def _column(name: str, known: Known) -> ExportColumn:
    first, *path = name.split(".")
    if first == "row":
        return ExportColumn(name, _row_value(name, path, known))
    if first == "act":
        return ExportColumn(name, _act_value(name, path, known))
    if path or first not in OF_RECORD:
        raise _unknown(name, first, (*OF_RECORD, "row.COLUMN", "act.NAME.output"))
    return ExportColumn(name, lambda record: getattr(record, first))


def _row_value(name: str, path: Sequence[str], known: Known) -> Callable[[Record], Any]:
    if path and known.row is not None and path[0] not in known.row:
        raise _unknown(name, path[0], known.row, prefix="row.")
    return lambda record: _inner(dict(record.row), path, name)


def _act_value(name: str, path: Sequence[str], known: Known) -> Callable[[Record], Any]:
    act, field, *rest = [*path, "", ""][: max(2, len(path))]
    if act not in known.acts:
        raise _unknown(name, act, known.acts, prefix="act.")
    if field not in OF_ACT or (rest and field != "output"):
        raise _unknown(name, field, OF_ACT, prefix=f"act.{act}.")

    def value(record: Record) -> Any:
        result = record.acts.get(act)
        if result is None:
            return None
        stored = getattr(result, field)
        return _inner(parse_json_or_text(stored), rest, name) if rest and stored is not None else stored

    return value


def _inner(value: Any, path: Sequence[str], name: str) -> Any:
    """Follow a path into a value; None where it leads nowhere, since rows and answers differ."""
    try:
        return look_up(value, path, reference=name)
    except TemplateError:
        return None


def _unknown(name: str, part: str, known: Collection[str], prefix: str = "") -> InvalidInput:
    hint = did_you_mean(part, known, otherwise=f"{prefix} may be followed by" if prefix else "columns are")
    return InvalidInput(f"there is no column {name!r}", where="--columns", do=hint or "see `botticelli runs show`")
