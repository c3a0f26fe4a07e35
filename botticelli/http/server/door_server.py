"""Runs uvicorn so that a signal ends the streams first, and the process with exit code 0."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from botticelli.http.server.lazy_app import LazyApp

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DoorServer(uvicorn.Server):
    """A server of one app, which it can tell to end its streams: they would last until the grace is over."""

    def __init__(self, config: uvicorn.Config, app: LazyApp) -> None:
        super().__init__(config)
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while the server runs. Unlike uvicorn's own, it does not raise them again afterwards."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: Any = None) -> None:
        self._app.end_streams()
        await super().shutdown(sockets)
