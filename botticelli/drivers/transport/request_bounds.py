"""Bounds an SDK's request and its answer: timeouts, a deadline for the whole, a maximum size.

Loaded only with httpx2.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import httpx2

from botticelli.drivers.transport.departures import leaves
from botticelli.drivers.transport.exchange import Exchange, current_exchange
from botticelli.telemetry.log import log
from botticelli.untrusted.bounded_body import Unreadable, unpacked

DEADLINE = "botticelli_deadline"
"""Request extension that holds the end of its time, on the monotonic clock."""


class RequestBegin:
    """Records the deadline of each request and sets its timeouts: those of its call, else those of the client."""

    def __init__(self, timeout_seconds: float, connect_timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds

    def __call__(self, request: httpx2.Request) -> None:
        leaves()
        exchange = current_exchange()
        seconds = (exchange.timeout_seconds if exchange is not None else None) or self._timeout_seconds
        timeout = httpx2.Timeout(seconds, connect=self._connect_timeout_seconds).as_dict()
        request.extensions = {**request.extensions, "timeout": timeout, DEADLINE: time.monotonic() + seconds}
        if exchange is not None:
            exchange.begin()


class ResponseBound:
    """Aborts an answer that takes too long as a whole, or is too large when decompressed."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def __call__(self, response: httpx2.Response) -> None:
        deadline = response.request.extensions[DEADLINE]
        exchange = current_exchange()
        if isinstance(response.stream, httpx2.SyncByteStream):
            encoding = response.headers.pop("content-encoding", "")  # decompressed here, not by httpx2
            heard = exchange if response.is_success else None
            chunks = unpacked(_in_time(response.stream, deadline), encoding, self._max_bytes)
            response.stream = _Unpacked(response.stream, chunks, heard, is_error=not response.is_success)
        if exchange is not None:
            exchange.receive(response)


class _Unpacked(httpx2.SyncByteStream):
    """Yields the decompressed chunks of `inner`, and passes them to an exchange."""

    def __init__(
        self, inner: httpx2.SyncByteStream, chunks: Iterator[bytes], exchange: Exchange | None, *, is_error: bool
    ) -> None:
        self._inner = inner
        self._is_error = is_error
        self._chunks = chunks
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._exchange.heard(self._chunks) if self._exchange else self._chunks
        except Unreadable as error:
            if self._is_error:
                log("error_body_unreadable", level=logging.WARNING, reason=str(error))
                return  # the status is enough
            raise httpx2.DecodingError(f"the answer {error}") from None

    def close(self) -> None:
        self._inner.close()


def _in_time(inner: httpx2.SyncByteStream, deadline: float) -> Iterator[bytes]:
    for chunk in inner:
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout("the answer was not complete in time")
        yield chunk
