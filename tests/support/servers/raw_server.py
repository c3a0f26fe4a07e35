"""Runs a server that gives the same answer to every request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class RawServer:
    """The answer to every request; a text `body` is sent as HTML, anything else as JSON."""

    url: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def packed(self) -> tuple[str, bytes]:
        if isinstance(self.body, str):
            return "text/html", self.body.encode()
        return "application/json", json.dumps(self.body).encode()


@contextmanager
def raw_server() -> Iterator[RawServer]:
    raw = RawServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            kind, data = raw.packed
            self.send_response(raw.status)
            for name, value in {"content-type": kind, **raw.headers, "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    raw.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield raw
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
