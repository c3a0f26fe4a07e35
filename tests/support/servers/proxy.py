"""Runs a TCP proxy before a server's unix socket, whose behaviour a test changes while it runs."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.support.fleet.ports import free_port

BYTES = 65536


class Proxy:
    """A proxy on a local port, with faults.

    `refuse` cuts open connections and refuses new ones. `swallowed`: a request with these bytes never arrives, and its
    connection stays open. `silent`: nothing passes in either direction and nothing is closed, as if a machine had
    vanished. `rewrite` changes the server's answers.
    """

    def __init__(
        self, server: Path, *, swallowed: bytes = b"", rewrite: Callable[[bytes], bytes] = lambda data: data
    ) -> None:
        self._server = server
        self.swallowed = swallowed
        self.silent = False
        self._rewrite = rewrite
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = free_port()

    def __enter__(self) -> Proxy:
        self.accept()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.refuse()

    def accept(self) -> None:
        """Let connections through."""
        listener = socket.create_server(("127.0.0.1", self.port))
        with self._lock:
            self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Cut all connections, and refuse new ones."""
        with self._lock:
            listener, self._listener = self._listener, None
            cut, self._open = self._open, set()
        for connection in (listener, *cut):
            if connection is not None:
                self._end(connection)

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._connect(listener, client)

    def _connect(self, listener: socket.socket, client: socket.socket) -> None:
        """Connect a client to the server; cut it if connections are refused by now."""
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(os.fspath(self._server))
        except OSError:
            self._end(client)
            server.close()
            return
        with self._lock:
            goes_on = self._listener is listener
            if goes_on:
                self._open |= {client, server}
        if not goes_on:
            self._end(client)
            self._end(server)
            return
        threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
        threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BYTES):
                if not self.silent and not (asks and self.swallowed and self.swallowed in data):
                    target.sendall(data if asks else self._rewrite(data))
        self._end(source)
        self._end(target)

    @staticmethod
    def _end(connection: socket.socket) -> None:
        """Shut down and close a socket; the shutdown wakes threads that read from it, which `close` alone doesn't."""
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
