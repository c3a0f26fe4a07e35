"""Ports for servers that have to be told theirs. None of those that the system itself gives to whoever asks for any."""

from __future__ import annotations

import atexit
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

LOWEST, HIGHEST = 20_000, 32_000
"""Below what Linux and macOS give to clients and to servers that don't care, so that nobody gets it meanwhile."""


def free_port() -> int:
    """Return a port that nobody listens on and no other test process gets.

    Nobody listens on it on this machine, and no other test process is given it as long as this one lives: its number is
    taken among the ports of UDP, which no server of ours uses.
    """
    while True:
        port = random.randint(LOWEST, HIGHEST)
        taken = socket.socket(type=socket.SOCK_DGRAM)
        try:
            taken.bind(("127.0.0.1", port))
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("127.0.0.1", port))
        except OSError:
            taken.close()
        else:
            atexit.register(taken.close)
            return port


@contextmanager
def refusing(port: int = 0) -> Iterator[int]:
    """Hold a port that is taken and where nobody listens: any one, or this one.

    Connections are refused as long as the block runs, and no other server gets it.
    """
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))
        yield one.getsockname()[1]
