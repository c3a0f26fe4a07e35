"""Defines a server as its keeper and its users see it; postgres.py and valkey_server.py implement it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from botticelli.services.files.locks import is_held
from botticelli.services.files.paths import Paths


@dataclass(frozen=True)
class ServerFacts:
    """Facts that a running server reports about itself."""

    version: str
    uptime_seconds: float


class Server(Protocol):
    """One kind of server in one data directory. Holds names and asks questions, but owns no process."""

    name: str
    paths: Paths
    url: str
    pid_file: Path  # written by the server itself
    stop_signals: tuple[signal.Signals, ...]  # from the mildest to SIGKILL

    def check(self) -> None:
        """Raise ServiceUnavailable when this server can never start here. Cheap; starts no server."""

    def prepare(self, lifeline: int) -> list[str]:
        """Make the data directory fit to start, and return the command.

        Call it with the lifeline locked (`lifeline` is its descriptor, for child processes to inherit): then no other
        process uses the data, and traces of an earlier process are stale. Raises OSError, SubprocessError or
        ServiceUnavailable when it can't be done now.
        """

    def ask(self) -> ServerFacts:
        """Query the server; raise ServiceUnavailable, with the reason, when it does not answer."""

    def stopped(self) -> None:
        """Record an end in good order. Raises OSError when it can't be written."""


def lives(server: Server) -> bool:
    """Whether any process of the server exists, answering or not. True while it starts and while it ends."""
    return is_held(server.paths.lifeline(server.name))


def recorded_pid(server: Server) -> int | None:
    """Return the process id that the server recorded: valid while it lives, None while it starts."""
    try:
        return int(server.pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
