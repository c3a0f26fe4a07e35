"""Reads rows of comma-separated text, or with another delimiter: the first record names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from json.encoder import encode_basestring
from operator import add

from botticelli.errors import InvalidInput
from botticelli.rows.row import MAX_ROW_CHARACTERS, BadRow, Row, place, unstorable

DELIMITERS = ",;\t|"
"""Delimiters that are recognised in the first line, in this order when several are equally frequent."""
_QUOTE = '"'
SCANNED_ROWS = 1000


def detect_delimiter(header: str) -> str:
    """Return the delimiter that is most frequent in the first line, outside of quotes; a comma when there is none."""
    outside = "".join(header.split(_QUOTE)[::2])
    return max(DELIMITERS, key=outside.count)


def read_header(lines: Iterable[str], source: str, delimiter: str | None) -> tuple[str, ...]:
    """Return the names of the columns. InvalidInput when there are none, or two of the same name."""
    return _Reader(lines, source, delimiter).columns


def read_csv(lines: Iterable[str], source: str, delimiter: str | None) -> Iterator[Row | BadRow]:
    """Yield the rows of a text with a header. InvalidInput for a header that can't be used."""
    yield from _Reader(lines, source, delimiter).rows()


def scan_csv(lines: Iterable[str], source: str, delimiter: str | None) -> Iterator[list[list[str]]]:
    """Yield the fields of the rows in batches, without a look at them; an empty line has none. Raises csv.Error."""
    records = _Reader(lines, source, delimiter).records
    while batch := list(islice(records, SCANNED_ROWS)):
        yield batch


class _Reader:
    def __init__(self, lines: Iterable[str], source: str, delimiter: str | None) -> None:
        csv.field_size_limit(MAX_ROW_CHARACTERS)
        self._source = source
        rest = iter(lines)
        first = next(rest, "")
        self._delimiter = delimiter or detect_delimiter(first)
        self.records = csv.reader(
            chain((first,) if first else (), rest), delimiter=self._delimiter, quotechar=_QUOTE, strict=True
        )
        self.columns = self._header()

    def rows(self) -> Iterator[Row | BadRow]:
        columns, count, records = self.columns, len(self.columns), self.records
        starts = _starts(columns)
        while True:
            line = records.line_num + 1
            try:
                fields = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(line, self._broken(error), 1)
                continue
            if not fields:
                continue
            if len(fields) != count:
                yield self._uneven(line, fields)
            elif (reason := unstorable("".join(fields))) is not None:
                yield _unstorable_field(line, columns, fields, reason)
            else:
                text = "{" + ",".join(map(add, starts, map(encode_basestring, fields))) + "}"
                yield Row(line, dict(zip(columns, fields, strict=True)), text)

    def _header(self) -> tuple[str, ...]:
        try:
            names = [name.strip() for name in next(self.records, [])]
        except csv.Error as error:
            raise InvalidInput(self._broken(error), where=place(self._source, 1, 1)) from None
        if not names or not any(names):
            raise InvalidInput("is empty: there is no header", where=self._source, do="name the columns in line 1")
        for number, name in enumerate(names):
            column = _character(names, number)
            if not name:
                do = "name it, or remove it from every line"
                raise InvalidInput(f"column {number + 1} has no name", where=place(self._source, 1, column), do=do)
            if name in names[:number]:
                problem = f"column {name!r} stands twice, as column {names.index(name) + 1} and {number + 1}"
                raise InvalidInput(problem, where=place(self._source, 1, column), do="give each a name of its own")
            if (reason := unstorable(name)) is not None:
                do = "save the file as UTF-8, or say its encoding"
                raise InvalidInput(f"the header {reason}", where=place(self._source, 1, column), do=do)
        return tuple(names)

    def _uneven(self, line: int, fields: list[str]) -> BadRow:
        count, expected = len(fields), len(self.columns)
        column = _character(fields, expected) if count > expected else _character(fields, count) - 1
        has = f"has {count} field{'' if count == 1 else 's'}, the header has {expected}"
        hint = "" if count < expected else f" (put a field with a {self._shown} in quotes)"
        return BadRow(line, has + hint, column)

    @property
    def _shown(self) -> str:
        return {"\t": "tab"}.get(self._delimiter, self._delimiter)

    def _broken(self, error: csv.Error) -> str:
        text = str(error)
        if "field larger" in text:
            return f"a field is longer than {MAX_ROW_CHARACTERS:,} characters; is a quote not closed?"
        if "unexpected end" in text:
            return "a quote that is opened in this row is never closed"
        return f"can't be read: {text}"


def _starts(columns: Iterable[str]) -> list[str]:
    """Return what stands before each value in the JSON of a row."""
    return [encode_basestring(column) + ":" for column in columns]


def _character(fields: list[str], number: int) -> int:
    """Return the character of its line at which a field begins, if none of the fields before it is quoted."""
    return 1 + sum(len(field) + 1 for field in fields[:number])


def _unstorable_field(line: int, columns: tuple[str, ...], fields: list[str], reason: str) -> BadRow:
    number = next(number for number, field in enumerate(fields) if unstorable(field) is not None)
    return BadRow(line, f"{columns[number]} {reason}", _character(fields, number))
