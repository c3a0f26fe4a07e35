"""Creates the HTTP client under an SDK: sized pool, explicit timeouts, a deadline for the answer. Knows no provider."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from botticelli.drivers.interface.options import SdkOptions
from botticelli.untrusted.bounded_body import ACCEPTED

if TYPE_CHECKING:
    import httpx2

MAX_BYTES = 64 * 1024 * 1024
"""Limit for one answer after decompression."""

Client = TypeVar("Client")


def http_client(options: SdkOptions, socket: Path | None = None) -> httpx2.Client:
    """Make the HTTP client of an SDK, over a Unix `socket` if one is given.

    `timeout_seconds` applies to each read and to all of them together: a server that answers drop by drop is cut off,
    and so is one that sends more than `MAX_BYTES`, compressed or not.
    """
    import httpx2

    from botticelli.drivers.transport.http_pool import Connections
    from botticelli.drivers.transport.request_bounds import RequestBegin, ResponseBound

    most = options.max_connections
    return httpx2.Client(
        timeout=timeouts(options),
        headers={"Accept-Encoding": ACCEPTED},
        limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
        transport=None if _needs_proxy(socket) else Connections(most, socket),
        event_hooks={
            "request": [RequestBegin(options.timeout_seconds, options.connect_timeout_seconds)],
            "response": [ResponseBound(MAX_BYTES)],
        },
    )


def _needs_proxy(socket: Path | None) -> bool:
    """Whether the environment names a proxy: httpx2 uses it only with its own transport."""
    from urllib.request import getproxies

    return socket is None and not getproxies().keys().isdisjoint(("http", "https", "all"))


def timeouts(options: SdkOptions) -> httpx2.Timeout:
    import httpx2

    return httpx2.Timeout(options.timeout_seconds, connect=options.connect_timeout_seconds)


class PerProcessClient(Generic[Client]):
    """Keeps one client per process and key: a connection opened before a fork must not be used after it.

    The client of a former key stays until `close`, since calls of other threads may still use it.
    """

    def __init__(self, socket: Callable[[], Path] | None = None) -> None:
        """Initialise without a client. `socket` returns a local server's Unix socket; called at the first use."""
        self._socket = socket
        self._lock = threading.Lock()
        self._clients: list[tuple[tuple[int, str], httpx2.Client, Client]] = []
        """Entries by process and key; a parent's entry stays, so that nothing closes its sockets."""

    def get(
        self,
        owner: tuple[int, str],
        options: SdkOptions,
        make: Callable[[httpx2.Client], Client],
        require_network: Callable[[], None] = lambda: None,
    ) -> Client:
        """Return the client of a process and a key. Calls `require_network` before creating one for another machine."""
        with self._lock:
            if not self._clients or self._clients[-1][0] != owner:
                if self._socket is None:
                    require_network()
                http = http_client(options, self._socket() if self._socket else None)
                self._clients.append((owner, http, make(http)))
            return self._clients[-1][2]

    def close(self, pid: int) -> None:
        with self._lock:
            while self._clients and self._clients[-1][0][0] == pid:
                self._clients.pop()[1].close()
