"""Ports for servers that have to be told theirs. None of those that the system itself gives to whoever asks for any."""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 20_000, 32_000
"""Below what Linux and macOS give to clients and to servers that don't care, so that nobody gets it meanwhile."""


def free_port() -> int:
    """Nobody listens on it on this machine."""
    while True:
        port = random.randint(LOWEST, HIGHEST)
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) != 0:
                return port
