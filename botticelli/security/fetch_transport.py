"""A network backend for httpcore that connects to checked addresses only and stops at a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2

Judge = Callable[[str, int], str]
"""Returns the address to connect to for a host and a port; raises FetchError when none is allowed."""


class CheckedNetwork(httpcore2.NetworkBackend):
    """Connects to the addresses that were checked, without resolving the name again."""

    def __init__(self, judge: Judge, deadline: float) -> None:
        self._judge = judge
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        address = self._judge(host, port)
        backend = httpcore2.SyncBackend()
        stream = backend.connect_tcp(address, port, _left(self._deadline), local_address, socket_options)
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore2.NetworkStream):
    """A connection whose reads and writes end at the deadline."""

    def __init__(self, inner: Any, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._inner.read(max_bytes, _left(self._deadline))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        stream = self._inner.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: float) -> float:
    """Return the seconds until the deadline, or raise httpcore's own error when it has passed."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise httpcore2.ConnectTimeout
    return seconds
