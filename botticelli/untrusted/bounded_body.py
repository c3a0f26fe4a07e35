"""Reads what somebody else sends within limits: the size of a body as it is and unpacked, and the depth of its JSON.

Two kilobytes of gzip may be two megabytes, and two gigabytes are as easily sent. So nothing is unpacked in one piece.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

PIECE_BYTES = 65_536
PLAIN = ("", "identity")
PACKED = ("gzip", "x-gzip", "deflate")
ACCEPTED = "gzip, deflate"


class Unreadable(ValueError):
    """A body that is too large, is broken, or isn't what it says; the message holds nothing of it."""


def unpacked(chunks: Iterable[bytes], encoding: str, limit_bytes: int) -> Iterator[bytes]:
    """The pieces of a body as they were before they were packed. Raises Unreadable."""
    encoding = encoding.strip().lower()
    if encoding not in PLAIN + PACKED:
        raise Unreadable("is packed in a way that was not asked for")
    total = 0
    pieces = iter(chunks) if encoding in PLAIN else _inflated(chunks, encoding)
    for piece in pieces:
        total += len(piece)
        if total > limit_bytes:
            raise Unreadable(f"is larger than {limit_bytes:,} bytes")
        yield piece


def strict_json(raw: bytes) -> Any:
    """A JSON value without infinite numbers. Raises Unreadable for anything else, and for what is nested too deeply."""
    try:
        return json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):  # also a number of too many digits, and bytes that are no UTF-8
        raise Unreadable("is not JSON that can be read") from None


def _inflated(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds the head of gzip or zlib
    began = False
    try:
        for chunk in chunks:
            if not began and chunk and encoding == "deflate" and chunk[0] & 0x0F != zlib.DEFLATED:
                inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # what many servers call deflate has no head
            began = began or bool(chunk)
            rest = chunk
            while rest:
                yield inflater.decompress(rest, PIECE_BYTES)
                rest = inflater.unconsumed_tail
        yield inflater.flush(PIECE_BYTES)
    except zlib.error:
        raise Unreadable("is packed, and can't be unpacked") from None
    if began and not inflater.eof:
        raise Unreadable("is packed, and its end is missing")


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
