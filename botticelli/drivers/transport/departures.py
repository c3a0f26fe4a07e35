"""Reports when a request leaves to a listener in the same thread. Measures nothing itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listening = threading.local()


@contextmanager
def on_request_sent(hear: Callable[[], None]) -> Iterator[None]:
    """Call `hear` for each request that leaves from this thread. It must be quick and never fail."""
    _listening.hear = hear
    try:
        yield
    finally:
        _listening.hear = None


def leaves() -> None:
    """Report that a request is about to be written to its connection. Third-party transports may call it too."""
    hear: Callable[[], None] | None = getattr(_listening, "hear", None)
    if hear is not None:
        hear()
