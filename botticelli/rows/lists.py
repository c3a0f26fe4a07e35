"""Reads rows that a program holds: a list, or anything that can be iterated over once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from botticelli.rows.jsonl_rows import row_of
from botticelli.rows.row import BadRow, Row
from botticelli.rows.row_keys import compact


class ListSource:
    """Reads a list of rows. Their lines are their positions, counted from 1."""

    def __init__(self, rows: Sequence[Any], name: str) -> None:
        self._rows = rows
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Return the columns that every row has, if all rows have the same ones."""
        names = {tuple(row) if isinstance(row, Mapping) else () for row in self._rows}
        first = next(iter(names), ())
        return tuple(first) if first and all(set(other) == set(first) for other in names) else None

    def read(self) -> Iterator[Row | BadRow]:
        for line, values in enumerate(self._rows, 1):
            yield checked_row(line, values)

    def scan(self) -> None:
        return None

    def close(self) -> None:
        pass


class SpooledSource:
    """Reads rows of an iterable, which are written to a temporary file so that they can be read again."""

    def __init__(self, rows: Iterable[Any], name: str) -> None:
        self._name = name
        self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115
        try:
            self._write(rows)
        except BaseException:
            self._file.close()
            raise

    def _write(self, rows: Iterable[Any]) -> None:
        for line, values in enumerate(rows, 1):
            row = checked_row(line, values)
            text = compact(row.values) if isinstance(row, Row) else json.dumps(row.reason)
            self._file.write(text + "\n")
        self._file.flush()

    @property
    def name(self) -> str:
        return self._name

    @property
    def columns(self) -> tuple[str, ...] | None:
        return None

    def read(self) -> Iterator[Row | BadRow]:
        self._file.seek(0)
        for line, text in enumerate(self._file, 1):
            value = json.loads(text)
            yield BadRow(line, value) if isinstance(value, str) else Row(line, value, text.rstrip("\n"))

    def scan(self) -> None:
        return None

    def close(self) -> None:
        self._file.close()


def checked_row(line: int, values: object) -> Row | BadRow:
    """Return the row of a program's value; a bad one unless it is a mapping of JSON values."""
    if not isinstance(values, Mapping):
        return BadRow(line, f"is a {type(values).__name__}, not a mapping of columns to values")
    return row_of(line, dict(values))
