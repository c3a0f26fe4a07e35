"""Serves the page of metrics over HTTP, at /metrics, for a Prometheus that asks every few seconds."""

from __future__ import annotations

import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from botticelli.errors import BotticelliError, InvalidInput
from botticelli.monitoring.metrics.exporter import CONTENT_TYPE, MetricsExporter
from botticelli.runtime.server_errors import SERVER_ERRORS

PATH = "/metrics"
TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.2
"""After so long without a request, who serves looks whether it is to end."""
TEXT = "text/plain; charset=utf-8"


class MetricsPage(NamedTuple):
    """An answer to a request for metrics."""

    status: int
    content_type: str
    body: bytes


def metrics_page(exporter: MetricsExporter) -> MetricsPage:
    """Return the page, or 503 with one line while Postgres is away."""
    try:
        return MetricsPage(200, CONTENT_TYPE, exporter.page())
    except (*SERVER_ERRORS, OSError) as error:
        reason = str(error) if isinstance(error, BotticelliError) else type(error).__name__
        return MetricsPage(503, TEXT, f"no metrics: {reason}\n".encode())


class MetricsServer(ThreadingHTTPServer):
    """Answers GET /metrics. Raises InvalidInput for an address that can't be used."""

    daemon_threads = True
    timeout = POLL_SECONDS

    def __init__(self, exporter: MetricsExporter, host: str, port: int) -> None:
        self.exporter = exporter
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            where = f"{host}:{port}"
            raise InvalidInput(
                f"can't listen: {error.strerror or error}", where=where, do="choose another --host or --port"
            ) from None

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{f'[{host!s}]' if ':' in str(host) else str(host)}:{port}{PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version = "botticelli"
    sys_version = ""
    timeout = TIMEOUT_SECONDS

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == PATH:
            self._answer(metrics_page(self.server.exporter))
        else:
            self._answer(MetricsPage(404, TEXT, f"the metrics are at {PATH}\n".encode()))

    do_HEAD = do_GET

    def _answer(self, page: MetricsPage) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    def handle(self) -> None:
        """Answer, unless the client hangs up meanwhile: a scraper waits for no longer than its own timeout."""
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Log no line for each request."""
