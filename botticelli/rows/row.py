"""Defines what a source of rows yields: rows, and bad rows with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

MAX_ROW_CHARACTERS = 1_000_000
"""Limits the length of a row, whatever its form."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ESCAPED_BYTES = range(0xDC80, 0xDD00)
"""Surrogates that stand for bytes which are not valid in the encoding of a file."""


@dataclass(slots=True)
class Row:
    """A row: the line where it begins, counted from 1, its values by column, and its JSON where the reader has it.

    Not frozen: a million of them are made, and a frozen one takes three times as long.
    """

    line: int
    values: Mapping[str, Any]
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be used. `column` is the character in its line, counted from 1; 0: the row as a whole."""

    line: int
    reason: str
    column: int = 0


class RowSource(Protocol):
    """Yields the same rows each time it is read."""

    @property
    def name(self) -> str:
        """Name of the source in messages: a path, `standard input`."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns, when every row has the same ones; None when each row may have its own."""

    def read(self) -> Iterator[Row | BadRow]:
        """Yield the rows from the first one on. InvalidInput when the source as a whole can't be read."""

    def scan(self) -> Iterator[list[list[str]]] | None:
        """Yield the fields of all rows in batches, unchecked; None when rows are more than fields of text.

        Raises csv.Error where a row is broken; `read` says where and why.
        """

    def close(self) -> None:
        """Close its files."""


def place(source: str, line: int, column: int = 0) -> str:
    """Return the place of a row for a message: `leads.csv:7:12`."""
    return f"{source}:{line}:{column}" if column else f"{source}:{line}"


def unstorable(text: str) -> str | None:
    """Return why a text can't be stored, or None: a NUL, an invalid byte, half of a character."""
    if text.isascii():
        return "contains a NUL character" if "\0" in text else None
    match = _UNSTORABLE.search(text)
    if match is None:
        return None
    code = ord(match.group())
    if code in _ESCAPED_BYTES:
        return f"contains the byte 0x{code - 0xDC00:02X}, which is not valid in this encoding"
    return "contains an unpaired surrogate" if code else "contains a NUL character"
