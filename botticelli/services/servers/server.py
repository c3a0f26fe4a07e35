"""What a server is to its keeper and to its users; the two of them are in postgres.py and valkey_server.py."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from botticelli.services.files.locks import is_held
from botticelli.services.files.paths import Paths


@dataclass(frozen=True)
class Facts:
    """What a running server says of itself."""

    version: str
    uptime_seconds: float
    run_id: str = ""  # another one each time that it starts; only Redis has it


class Server(Protocol):
    """One kind of server in one data directory. Plain names and questions: the object holds no process."""

    name: str
    paths: Paths
    url: str
    pid_file: Path  # written by the server itself
    stop_signals: tuple[signal.Signals, ...]  # from polite to certain

    def check(self) -> None:
        """ServiceUnavailable when this server can never start here. Cheap; starts no server."""

    def prepare(self, lifeline: int) -> list[str]:
        """Make the data directory fit to start, and return the command.

        Call it with the lifeline locked (`lifeline` is its descriptor, for child processes to inherit): nobody else is
        at work on the data then, and traces of an earlier process are known to be stale. OSError, SubprocessError or
        ServiceUnavailable when it can't be done now.
        """

    def ask(self) -> Facts:
        """A real conversation with the server; ServiceUnavailable, with the reason, when it does not answer."""

    def stopped(self, before: Facts) -> None:
        """It has ended in good order: what it said of itself before that. OSError when that can't be noted."""


def lives(server: Server) -> bool:
    """Whether any process of the server exists, answering or not. True while it starts and while it ends."""
    return is_held(server.paths.lifeline(server.name))


def recorded_pid(server: Server) -> int | None:
    """The process id that the server wrote down: true while it lives, None while it starts."""
    try:
        return int(server.pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
