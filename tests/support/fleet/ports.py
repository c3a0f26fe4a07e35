"""Chooses ports for servers that need a given one, outside the range from which the system assigns ports."""

from __future__ import annotations

import atexit
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

LOWEST, HIGHEST = 20_000, 32_000
"""Range of ports below those that Linux and macOS assign, so that no other process gets one meanwhile."""


def free_port() -> int:
    """Return a port on which no process listens, and which no other test process gets while this one lives.

    Its number is reserved among the UDP ports, which no server of ours uses.
    """
    while True:
        port = random.randint(LOWEST, HIGHEST)
        taken = socket.socket(type=socket.SOCK_DGRAM)
        try:
            taken.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            taken.close()
        else:
            atexit.register(taken.close)
            return port


@contextmanager
def refusing(port: int = 0) -> Iterator[int]:
    """Reserve a port (any by default) that refuses connections during the block; no other server gets it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        yield holder.getsockname()[1]
