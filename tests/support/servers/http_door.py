"""Serves the HTTP door over the runtime of a test: a real uvicorn in a thread, one for all tests of a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import uvicorn
from fastapi import FastAPI

from botticelli.http.app import create_app
from botticelli.http.server.serving import listen
from botticelli.http.streams.event_hub import EventHub
from botticelli.runtime.process import Runtime

_started: list[tuple[FastAPI, str]] = []


def _door(runtime: Runtime) -> tuple[FastAPI, str]:
    """Start the server, which ends with the process. Making the app takes as long as a dozen tests."""
    app = create_app(runtime)
    server_socket = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False))
    threading.Thread(target=server.run, args=([server_socket],), name="door", daemon=True).start()
    return app, f"http://127.0.0.1:{server_socket.getsockname()[1]}"


@contextmanager
def served(runtime: Runtime, *, is_loopback: bool = True) -> Iterator[httpx2.Client]:
    """Yield a client of a server of this runtime."""
    if not _started:
        _started.append(_door(runtime))
    app, url = _started[0]
    app.state.runtime, app.state.is_loopback, app.state.events = runtime, is_loopback, EventHub(runtime)
    try:
        with httpx2.Client(base_url=url, timeout=120, trust_env=False) as client:
            yield client
    finally:
        app.state.events.close()
