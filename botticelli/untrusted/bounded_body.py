"""Reads a body within limits: its decompressed size, and the depth of its JSON.

Two kilobytes of gzip can hold megabytes, so a body is decompressed piece by piece (protection against zip bombs).
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
    """A body that is too large, broken, or not of its declared kind. The message quotes nothing of it."""


def unpacked(chunks: Iterable[bytes], encoding: str, limit_bytes: int) -> Iterator[bytes]:
    """Yield the decompressed pieces of a body. Raises Unreadable for a broken or larger one, or an unknown encoding."""
    encoding = encoding.strip().lower()
    if encoding not in PLAIN + PACKED:
        raise Unreadable("has a compression that was not requested")
    total = 0
    pieces = iter(chunks) if encoding in PLAIN else _inflated(chunks, encoding)
    for piece in pieces:
        total += len(piece)
        if total > limit_bytes:
            raise Unreadable(f"is larger than {limit_bytes:,} bytes")
        yield piece


def strict_json(raw: bytes) -> Any:
    """Parse JSON. Raises Unreadable for invalid JSON, infinite numbers, NaN, and excessive nesting."""
    try:
        return json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):  # also a number with too many digits, and invalid UTF-8
        raise Unreadable("is not valid JSON") from None


def _inflated(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # detects the header of gzip or zlib
    began = False
    try:
        for chunk in chunks:
            if not began and chunk and encoding == "deflate" and chunk[0] & 0x0F != zlib.DEFLATED:
                inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # many servers send deflate without a header
            began = began or bool(chunk)
            rest = chunk
            while rest:
                yield inflater.decompress(rest, PIECE_BYTES)
                rest = inflater.unconsumed_tail
        yield inflater.flush(PIECE_BYTES)
    except zlib.error:
        raise Unreadable("can't be decompressed") from None
    if began and not inflater.eof:
        raise Unreadable("is compressed and incomplete")


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
