"""Records what one call sent and received, below the SDK: SDKs fail at answers that differ from their documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2


class Exchange:
    """One request of an SDK and its answer.

    `was_sent`: the request may have left this machine. `content` is the decoded body of an answer with a status below
    300, None until it has arrived. `on_bytes` receives the body as it arrives. `timeout_seconds` is the limit for this
    answer, None: that of the client.
    """

    def __init__(self, on_bytes: Callable[[bytes], None] | None = None, timeout_seconds: float | None = None) -> None:
        self.timeout_seconds = timeout_seconds
        self.was_sent = False
        self.headers: Mapping[str, str] = {}
        self.content: bytes | None = None
        self._on_bytes = on_bytes

    def begin(self) -> None:
        self.was_sent = True

    def receive(self, response: httpx2.Response) -> None:
        """Read the body to its end, so that it remains available whatever the SDK does with it."""
        self.headers = response.headers
        if response.is_success:
            self.content = response.read()

    def heard(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._on_bytes is not None:
                self._on_bytes(chunk)
            yield chunk


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def current_exchange() -> Exchange | None:
    return _current.get()


@contextmanager
def recording(exchange: Exchange) -> Iterator[Exchange]:
    """Record the requests of this thread in this exchange."""
    token = _current.set(exchange)
    try:
        yield exchange
    finally:
        _current.reset(token)
