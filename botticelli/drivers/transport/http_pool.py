"""Pools connections for many threads under an SDK's client: the last one used serves the next request.

httpx2's pool looks at each of its connections twice per request, under a lock that all threads share: with 200 threads
that takes a quarter of the processor time of a call. Here each request takes a connection from a stack and puts it
back.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import httpx2

from botticelli.drivers.transport.departures import leaves

IDLE_SECONDS = 5.0
"""Idle time after which a connection is closed: servers close idle connections too."""
ORIGINS = 4
"""Kept-alive origins per transport: a provider has a few, such as one that answers and one that takes files."""


TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
"""The variables that httpx2 reads for a TLS context."""


@lru_cache(maxsize=1)
def _trusted(*_: str | None) -> ssl.SSLContext:
    """Return the TLS context of all clients of this process, made anew when `TRUST_VARIABLES` change: it takes 20 ms."""
    return httpx2.create_ssl_context()


@dataclass(slots=True)
class _Held:
    """An httpx2 transport with a connection for each origin; used by one request at a time."""

    transport: httpx2.HTTPTransport
    used_at: float = 0.0


class Connections(httpx2.BaseTransport):
    """Lends at most `most` transports at once; a request without a free one waits as long as its pool timeout."""

    def __init__(self, most: int, socket: Path | None = None) -> None:
        self._limits = httpx2.Limits(max_keepalive_connections=ORIGINS, keepalive_expiry=IDLE_SECONDS)
        self._trusted = _trusted(*map(os.environ.get, TRUST_VARIABLES))
        self._socket = str(socket) if socket else None
        self._places = threading.Semaphore(most)
        self._free: deque[_Held] = deque()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self._places.acquire(timeout=request.extensions["timeout"]["pool"]):
            raise httpx2.PoolTimeout("no connection was free in time", request=request)
        held = self._take()
        leaves()
        try:
            response = held.transport.handle_request(request)
        except BaseException:
            self._give_back(held)
            raise
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Answer(self, held, response.stream)
        return response

    def close(self) -> None:
        while self._free:
            self._free.pop().transport.close()

    def _take(self) -> _Held:
        try:
            return self._free.pop()
        except IndexError:
            transport = httpx2.HTTPTransport(verify=self._trusted, limits=self._limits, uds=self._socket)
            return _Held(transport)

    def _give_back(self, held: _Held) -> None:
        """Return a transport to the stack, and close the one at the bottom if it has been idle too long."""
        held.used_at = time.monotonic()
        self._free.append(held)
        self._places.release()
        try:
            oldest = self._free.popleft()
        except IndexError:
            return
        if held.used_at - oldest.used_at > IDLE_SECONDS:
            oldest.transport.close()
        else:
            self._free.appendleft(oldest)


class _Answer(httpx2.SyncByteStream):
    """Stream of an answer that returns its transport when it is closed."""

    def __init__(self, connections: Connections, held: _Held, inner: httpx2.SyncByteStream) -> None:
        self._connections = connections
        self._held: _Held | None = held
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        held, self._held = self._held, None
        if held is None:
            return
        try:
            self._inner.close()
        finally:
            self._connections._give_back(held)
