"""Opens files of rows: csv, tsv, jsonl and parquet, packed with gzip or not, and what comes through a pipe."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal, cast

from botticelli.errors import InvalidInput
from botticelli.rows.csv_rows import read_csv, read_header, scan_csv
from botticelli.rows.jsonl_rows import read_jsonl
from botticelli.rows.parquet_rows import parquet_columns, read_parquet
from botticelli.rows.row import BadRow, Row
from botticelli.rows.text_lines import first_bytes, read_lines

RowFormat = Literal["csv", "tsv", "jsonl", "parquet"]
_ENDINGS: dict[str, RowFormat] = {
    **{".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv"},
    **{".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"},
}
_PARQUET = b"PAR1"
STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file of rows is written; None: by its name and its first bytes."""

    format: RowFormat | None = None
    encoding: str | None = None
    delimiter: str | None = None


class FileSource:
    """Reads the rows of an open file, which must not change meanwhile."""

    def __init__(self, file: BinaryIO, name: str, form: FileForm) -> None:
        self._file = file
        self._form = form
        self._name = name
        self._stamp = _stamp(file)

    @property
    def name(self) -> str:
        return self._name

    @cached_property
    def format(self) -> RowFormat:
        return self._form.format or _by_name(self._name) or _by_content(self._file, self._name)

    @cached_property
    def columns(self) -> tuple[str, ...] | None:
        if self.format == "jsonl":
            return None
        if self.format == "parquet":
            return parquet_columns(self._file, self._name)
        return read_header(self._lines(), self._name, self._delimiter)

    def read(self) -> Iterator[Row | BadRow]:
        if self.format == "parquet":
            yield from read_parquet(self._file, self._name)
        elif self.format == "jsonl":
            yield from read_jsonl(self._lines())
        else:
            yield from read_csv(self._lines(), self._name, self._delimiter)
        self._require_unchanged()

    def scan(self) -> Iterator[list[list[str]]] | None:
        return self._scanned() if self.format in ("csv", "tsv") else None

    def _scanned(self) -> Iterator[list[list[str]]]:
        yield from scan_csv(self._lines(), self._name, self._delimiter)
        self._require_unchanged()

    def _require_unchanged(self) -> None:
        if _stamp(self._file) != self._stamp:
            raise InvalidInput("has changed while it was read", where=self._name, do="run it again")

    def close(self) -> None:
        self._file.close()

    @property
    def _delimiter(self) -> str | None:
        return self._form.delimiter or ("\t" if self.format == "tsv" else None)

    def _lines(self) -> Iterator[str]:
        return read_lines(self._file, self._name, self._form.encoding)


def open_rows(path: Path, form: FileForm | None = None) -> FileSource:
    """Open a file of rows. InvalidInput when it can't be read."""
    try:
        return from_descriptor(os.open(path, os.O_RDONLY | os.O_CLOEXEC), str(path), form)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InvalidInput(f"can't be read: {reason or 'not a file name'}", where=str(path)) from None


def from_descriptor(descriptor: int, name: str, form: FileForm | None = None) -> FileSource:
    """Read the rows of an open file, or of a pipe, which is first written to a temporary file."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.close(descriptor)
        raise InvalidInput("is a folder, not a file of rows", where=name)
    file = os.fdopen(descriptor, "rb")
    if stat.S_ISREG(mode):
        return FileSource(file, name, form or FileForm())
    with file:
        return from_stream(file, name, form)


def from_stream(stream: BinaryIO, name: str, form: FileForm | None = None) -> FileSource:
    """Read the rows of a stream that can be read once: standard input, a pipe."""
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 (closed with the source)
    try:
        shutil.copyfileobj(stream, file, 1024 * 1024)
        file.flush()
    except OSError as error:
        file.close()
        do = "check the free space of the folder for temporary files"
        raise InvalidInput(f"can't be read: {error.strerror}", where=name, do=do) from None
    return FileSource(file, name, form or FileForm())


def _by_name(name: str) -> RowFormat | None:
    return _ENDINGS.get(Path(name.removesuffix(".gz")).suffix.lower())


def _by_content(file: BinaryIO, name: str) -> RowFormat:
    start = first_bytes(file).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"["):
        do = "write one JSON object in each line, without brackets around them"
        raise InvalidInput("is a JSON list, not rows", where=name, do=do)
    if start.startswith(_PARQUET):
        return "parquet"
    return "jsonl" if start.startswith(b"{") else "csv"


def _stamp(file: BinaryIO) -> tuple[int, int]:
    """Return what changes when somebody writes to the file."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
