"""Starts and queries the embedded language model, served by llama.cpp on a Unix socket. Holds no process."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from botticelli.errors import ServiceUnavailable
from botticelli.services.files.paths import Paths
from botticelli.services.language_model.model_files import SERVER_PACKAGE, require, weights
from botticelli.services.servers.server import ServerFacts

_ANSWER_SECONDS = 2.0


class LanguageModel:
    """SmolLM2-135M-Instruct: a real, very small model. Speaks the OpenAI and the Anthropic protocol."""

    name = "model"
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.url = f"unix://{paths.model_socket}"
        self.data = paths.data(self.name)
        self.pid_file = self.data / "model.pid"

    def check(self) -> None:
        require(self.paths)

    def prepare(self, lifeline: int) -> list[str]:
        require(self.paths)
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.paths.make_sockets()
        for stale in (self.pid_file, self.paths.model_socket):
            stale.unlink(missing_ok=True)
        places: list[Path | None] = [weights(self.paths), self.paths.model_socket, self.pid_file]
        return [sys.executable, "-P", "-m", "botticelli.services.language_model.llama_server", *map(str, places)]

    def ask(self) -> ServerFacts:
        """Query the server's health endpoint, which answers once the model is loaded."""
        line = _UnixConnection(self.paths.model_socket)
        try:
            line.request("GET", "/health")
            answer = line.getresponse()
            status = json.loads(answer.read()).get("status")
            if answer.status != http.HTTPStatus.OK:
                raise ServiceUnavailable(f"answered {answer.status}", where=self.url, do="see its log")
            started = self.pid_file.stat().st_mtime
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ServiceUnavailable(str(error), where=self.url, do="see its log") from error
        finally:
            line.close()
        return ServerFacts(f"SmolLM2-135M-Instruct ({SERVER_PACKAGE}: {status})", max(0.0, time.time() - started))

    def stopped(self) -> None:
        pass  # it has no state


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))
