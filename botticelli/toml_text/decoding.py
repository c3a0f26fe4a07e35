"""Decodes the bytes of a text file as UTF-8, with or without a byte order mark. Guesses no other encoding."""

from __future__ import annotations

import codecs

_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Byte order marks of other encodings; UTF-32 first, as its little-endian mark begins with that of UTF-16."""


class NotUtf8(ValueError):
    """Says why bytes are not UTF-8 text. `line` counts from 1; 0 when the problem is not in one line."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def decoded(raw: bytes) -> str:
    r"""Decode UTF-8, drop a byte order mark and make every line end `\n`. Raises Undecodable."""
    for mark, name in _OTHER_MARKS.items():
        if raw.startswith(mark):
            raise NotUtf8(f"is {name} text, not UTF-8; save it as UTF-8")
    if b"\0" in raw:
        raise NotUtf8("holds a NUL byte, so it is not text", raw.count(b"\n", 0, raw.index(b"\0")) + 1)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise NotUtf8(f"is not UTF-8 text (line {line})", line) from None
