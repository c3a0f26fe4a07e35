"""Serves the HTTP door of a runtime over a real socket, in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from botticelli.http.app import create_app
from botticelli.http.server.serving import listen
from botticelli.runtime.process import Runtime
from tests.support.waiting import wait_until


@contextmanager
def served(runtime: Runtime) -> Iterator[str]:
    """Serve on a free local port; gives the address."""
    config = uvicorn.Config(create_app(runtime, is_loopback=True), log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as socket:
        thread = threading.Thread(target=server.run, args=([socket],), daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the server to listen")
        try:
            yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
