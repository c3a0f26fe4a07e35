"""Reads the lines of an open file as text: gzip or plain, by its byte order mark or in the encoding that was given."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, TextIO, cast

from botticelli.errors import InvalidInput
from botticelli.rows.row import MAX_ROW_CHARACTERS, place

_GZIP = b"\x1f\x8b"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
MAX_LINE_CHARACTERS = 2 * MAX_ROW_CHARACTERS


def is_gzip(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(len(_GZIP)) == _GZIP


def check_encoding(name: str) -> str:
    """Return the encoding as Python knows it. InvalidInput for one that it doesn't know, or that is no text."""
    try:
        info = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        do = 'such as "utf-8", "cp1252" or "utf-16"'
        raise InvalidInput(f"there is no encoding {name!r}", where="encoding", do=do) from None
    return info.name


def read_lines(file: BinaryIO, source: str, encoding: str | None) -> Iterator[str]:
    """Yield the lines of a file from its beginning, with their ends. An invalid byte becomes a surrogate.

    InvalidInput for a broken gzip file, for text that is not of its encoding at all, and for an endless line.
    """
    text = _text(file, _encoding(file, encoding))
    line = 0
    try:
        while chunk := text.readline(MAX_LINE_CHARACTERS):
            line += 1
            if len(chunk) == MAX_LINE_CHARACTERS:
                do = f"a row may have up to {MAX_ROW_CHARACTERS:,} characters"
                raise InvalidInput("this line is too long", where=place(source, line), do=do)
            yield chunk
    except UnicodeError:
        do = "say its encoding"
        raise InvalidInput(f"is not {text.encoding} text", where=place(source, line + 1), do=do) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = "it ends too early" if isinstance(error, EOFError) else str(error)
        raise InvalidInput(f"is not a whole gzip file: {reason}", where=source, do="compress it again") from None


def _text(file: BinaryIO, encoding: str) -> TextIO:
    opened = cast(BinaryIO, _Undying(_opened(file)))
    return io.TextIOWrapper(opened, encoding, errors="surrogateescape", newline="")


def first_bytes(file: BinaryIO, count: int = 1024) -> bytes:
    """Return the first bytes of the text, unpacked."""
    try:
        return _opened(file).read(count)
    except (EOFError, zlib.error, OSError):
        return b""


def _opened(file: BinaryIO) -> BinaryIO:
    packed = is_gzip(file)
    file.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def _encoding(file: BinaryIO, encoding: str | None) -> str:
    start = first_bytes(file, 3)
    file.seek(0)
    if encoding is not None:
        name = check_encoding(encoding)
        return "utf-8-sig" if name == "utf-8" else name
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")


class _Undying(io.BufferedIOBase):
    """Reads from a file that stays open when this is closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._file.read(-1 if size is None else size)

    read1 = read
