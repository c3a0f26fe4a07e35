"""Starts and queries the embedded Redis, a Valkey server. Holds no process; knows no keys."""

from __future__ import annotations

import os
import signal
import socket

from botticelli.errors import ServiceUnavailable
from botticelli.services.files.paths import Paths
from botticelli.services.servers import binaries
from botticelli.services.servers.clean_stop import note_start, note_stop
from botticelli.services.servers.server import ServerFacts

_CONFIGURATION = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "logfile": "",
}
_ANSWER_SECONDS = 2.0


class Valkey:
    name = "redis"
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)  # "flush and end"

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.url = paths.redis_url
        self.data = paths.data(self.name)
        self.pid_file = self.data / "redis.pid"

    def check(self) -> None:
        binaries.valkey_server()

    def prepare(self, lifeline: int) -> list[str]:
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.paths.make_sockets()
        note_start(self.paths)
        for stale in (self.pid_file, self.paths.redis_socket):
            stale.unlink(missing_ok=True)
        places = {"dir": self.data, "pidfile": self.pid_file, "unixsocket": self.paths.redis_socket}
        settings = {**_CONFIGURATION, **{key: os.fspath(place) for key, place in places.items()}}
        options = [word for key, value in settings.items() for word in (f"--{key}", value)]
        return [str(binaries.valkey_server()), *options]

    def ask(self) -> ServerFacts:
        """Send PING and INFO over a plain socket: importing redis-py takes 0.2 s, which every command would pay."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(_ANSWER_SECONDS)
                line.connect(str(self.paths.redis_socket))
                line.sendall(b"PING\r\nINFO server\r\n")
                with line.makefile("rb") as answers:
                    greeting = answers.readline().decode().strip()
                    length = int(answers.readline()[1:])
                    text = answers.read(length).decode()
        except (OSError, ValueError) as error:
            raise self._unanswered(str(error)) from error
        if greeting != "+PONG":
            raise self._unanswered(f"answered {greeting!r}")
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return ServerFacts(f"{facts['server_name']} {facts['valkey_version']}", float(facts["uptime_in_seconds"]))

    def stopped(self) -> None:
        note_stop(self.paths)

    def _unanswered(self, reason: str) -> ServiceUnavailable:
        return ServiceUnavailable(reason, where=self.url, do="see its log")
