"""Writes a table as CSV or JSON lines to an open file, and makes cells that a spreadsheet can't run as a formula."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import IO, Any

from botticelli.pricing import plain_decimal

FORMULA = re.compile(r"[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")
"""First characters with which spreadsheets begin a formula or a command; the wide ones count as the narrow ones."""
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

Values = Sequence[Any]


class CsvTable:
    """Writes CSV with a header, as RFC 4180 describes it. Objects and lists become JSON, None an empty cell."""

    def __init__(self, file: IO[str], names: Sequence[str]) -> None:
        self._file = file
        self._writer = csv.writer(file, lineterminator="\r\n")
        self._writer.writerow([text_cell(name) for name in names])

    def write(self, rows: Iterable[Values]) -> None:
        self._writer.writerows([csv_cell(value) for value in row] for row in rows)
        self._file.flush()


class JsonLines:
    """Writes one JSON object for each row, with the names of the columns as keys."""

    def __init__(self, file: IO[str], names: Sequence[str]) -> None:
        self._file = file
        self._names = names

    def write(self, rows: Iterable[Values]) -> None:
        for row in rows:
            values = dict(zip(self._names, map(json_value, row), strict=True))
            self._file.write(json.dumps(values, ensure_ascii=False) + "\n")
        self._file.flush()


def csv_cell(value: Any) -> str:
    """Return the text of a cell; text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain_decimal(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def text_cell(text: str) -> str:
    is_formula = FORMULA.match(text) is not None and NUMBER.fullmatch(text) is None
    return f"'{text}" if is_formula else text


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO 8601, decimals as numbers."""
    if isinstance(value, datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
