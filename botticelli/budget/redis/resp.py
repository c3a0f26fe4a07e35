"""EVALSHA as it goes over the wire, packed from parts that mostly stay the same from call to call. Sends nothing.

redis-py packs all words of each command anew, each by itself: a good part of what a call costs the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


def packed(words: Iterable[str | int]) -> bytes:
    """Words of a command in the protocol of Redis, as UTF-8."""
    encoded = [str(word).encode() for word in words]
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded])


class Lasting(NamedTuple):
    """The part of a call that stays the same: the keys, and the limits as first argument; both packed, with their number."""

    keys: tuple[str, ...]
    limits: str
    words: bytes

    @classmethod
    def of(cls, keys: tuple[str, ...], limits: str) -> Lasting:
        return cls(keys, limits, packed([len(keys), *keys, limits]))


Prepared = tuple[Lasting, Sequence[str | int]]
"""All that is sent to a script: what lasts, and the other arguments."""


def evalsha(sha: str, lasting: Lasting, arguments: Sequence[str | int]) -> bytes:
    """The whole command: the name, the script, and what `lasting` says, before the other arguments."""
    words = 4 + len(lasting.keys) + len(arguments)
    head = b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % (words, sha.encode())
    return b"".join((head, lasting.words, packed(arguments)))
