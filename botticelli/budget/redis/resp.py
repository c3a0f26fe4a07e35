"""Packs EVALSHA commands for the wire from parts that stay the same from call to call. Sends nothing.

redis-py packs each word of each command anew, which is a good part of the client's time for a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


def packed(words: Iterable[str | int]) -> bytes:
    """Return the words of a command in the protocol of Redis, as UTF-8."""
    encoded = [str(word).encode() for word in words]
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded])


class Lasting(NamedTuple):
    """The constant part of a call: the keys, and the limits as first argument, packed together with their number."""

    keys: tuple[str, ...]
    limits: str
    words: bytes

    @classmethod
    def of(cls, keys: tuple[str, ...], limits: str) -> Lasting:
        return cls(keys, limits, packed([len(keys), *keys, limits]))


Prepared = tuple[Lasting, Sequence[str | int]]
"""The arguments of a script: the constant part, and the others."""


def evalsha(sha: str, lasting: Lasting, arguments: Sequence[str | int]) -> bytes:
    """Return the whole command: name, script, constant part and other arguments."""
    words = 4 + len(lasting.keys) + len(arguments)
    head = b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % (words, sha.encode())
    return b"".join((head, lasting.words, packed(arguments)))
