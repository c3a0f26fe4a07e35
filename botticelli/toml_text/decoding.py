"""Turns the bytes of a text file into text: UTF-8, with or without a byte order mark. Guesses no other encoding."""

from __future__ import annotations

import codecs

_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""UTF-32 first: its little-endian mark begins with that of UTF-16."""


class Undecodable(ValueError):
    """Bytes that aren't UTF-8 text; the message says why. `line` counts from 1, 0 when no line is to blame."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def decoded(raw: bytes) -> str:
    r"""Decodes UTF-8, drops a byte order mark and makes every line end `\n`. Raises Undecodable."""
    for mark, name in _OTHER_MARKS.items():
        if raw.startswith(mark):
            raise Undecodable(f"is {name} text, not UTF-8; save it as UTF-8")
    if b"\0" in raw:
        raise Undecodable("holds a NUL byte, so it is not text", raw.count(b"\n", 0, raw.index(b"\0")) + 1)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Undecodable(f"is not UTF-8 text (line {line})", line) from None
