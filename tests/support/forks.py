"""Starts commands through the command server, as `subprocess.Popen` would. Imports nothing of the product."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

ADDRESS = "server"
"""The socket in the server's folder."""
LOCK = 3
"""The descriptor that a keeper gets its lock as: the first one after the standard streams."""


class Fork:
    """Offers the used part of `subprocess.Popen`. The process ends at the latest with the process that holds this."""

    def __init__(
        self,
        address: str,
        request: Mapping[str, Any],
        descriptors: Sequence[int],
        stdin: IO[str] | None = None,
    ) -> None:
        self.stdin = stdin
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(address)
        words = json.dumps({"raw_code": True, **request}).encode() + b"\n"
        sent = socket.send_fds(self._line, [words], list(descriptors))
        self._line.sendall(words[sent:])
        self._answer = b""
        self.pid = int(self._word(0, None) or 0)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = int(self._word(1, timeout))
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _word(self, number: int, timeout: float | None) -> str:
        """Return a line of the server's answer. Raises TimeoutExpired when it doesn't arrive within `timeout` seconds."""
        self._line.settimeout(timeout)
        while self._answer.count(b"\n") <= number:
            try:
                more = self._line.recv(64)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("a fork", timeout or 0) from None
            assert more, "the command server has lost the command"
            self._answer += more
        return self._answer.split(b"\n")[number].decode()


def run(address: str, request: Mapping[str, Any], timeout_seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does when it captures the output."""
    with open(os.devnull, encoding="utf-8") as nothing, _capture() as output, _capture() as errors:
        fork = Fork(address, request, (nothing.fileno(), output.fileno(), errors.fileno()))
        try:
            code = fork.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            fork.kill()
            raise
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(request["arguments"], code, output.read(), errors.read())


def _capture() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8")


def run_keeper(address: str, words: Sequence[str], environ: Mapping[str, str], lock: int, log: int) -> int:
    """Run the first process of a keeper of servers, which passes the lock on; return its exit code."""
    request = {"program": "keeper", "arguments": [*words, str(LOCK)], "folder": "/", "environ": environ}
    with open(os.devnull, encoding="utf-8") as nothing:
        return Fork(address, request, (nothing.fileno(), log, log, lock)).wait()


def start_tethered(address: str, words: Sequence[str], environ: Mapping[str, str]) -> Fork:
    """Start the worker of a command, which ends with it, as `botticelli/cli/follow/parent_death.py` does; logs its pid."""
    folder = Path(words[5])
    celery = words.index("celery")
    log = folder / f"worker-{os.getpid()}.new"
    request = {
        "program": "celery",
        "arguments": list(words[celery + 1 :]),
        "folder": os.getcwd(),
        "environ": dict(environ),
        "hangup_signal": signal.SIGTERM,
    }
    with open(os.devnull, encoding="utf-8") as nothing, open(log, "ab", opener=_private) as output:
        fork = Fork(address, request, (nothing.fileno(), output.fileno(), output.fileno()))
    log.rename(folder / f"worker-{fork.pid}.log")
    return fork


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
