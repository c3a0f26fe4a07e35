"""A TCP proxy before a server's unix socket, whose ways a test changes while it runs. Understands no protocol."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port

BYTES = 65536


class Proxy:
    """Listens on a port of this machine. `refusing`: connections are refused and those that are open are cut. `swallowed`:
    a request with these bytes in it never arrives, and its connection stays open: half of what a dropped connection is."""

    def __init__(self, server: Path, *, swallowed: bytes = b"") -> None:
        self._server = server
        self.swallowed = swallowed
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = free_port()

    def __enter__(self) -> Proxy:
        self.accept()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.refuse()

    def accept(self) -> None:
        """Let connections through."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Cut all connections, and refuse new ones."""
        listener, self._listener = self._listener, None
        for one in (listener, *self._open):
            if one is not None:
                self._end(one)
        self._open.clear()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(os.fspath(self._server))
                self._open |= {client, server}
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BYTES):
                if not (asks and self.swallowed and self.swallowed in data):
                    target.sendall(data)
        self._end(source)
        self._end(target)

    @staticmethod
    def _end(one: socket.socket) -> None:
        """`shutdown` wakes those who read from it, which `close` alone does not."""
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
