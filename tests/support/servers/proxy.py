"""A TCP proxy before a server's unix socket, whose ways a test changes while it runs. Understands no protocol."""

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
    """A proxy on a port of this machine, with faults.

    `refusing`: connections are refused and those that are open are cut. `swallowed`: a request with these bytes in it
    never arrives, and its connection stays open: half of what a dropped connection is. `silent`: nothing passes any
    more in either direction, and nothing is closed, as if a machine had vanished. `rewrite` changes what the server
    says.
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
        for one in (listener, *cut):
            if one is not None:
                self._end(one)

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._connect(listener, client)

    def _connect(self, listener: socket.socket, client: socket.socket) -> None:
        """A connection that came before it was refused, and is taken up after that, is cut as well."""
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
    def _end(one: socket.socket) -> None:
        """`shutdown` wakes those who read from it, which `close` alone does not."""
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
