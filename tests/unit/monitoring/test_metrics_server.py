"""The server of the page of metrics: what scrapers do to it."""

from __future__ import annotations

import socket
import struct
import threading
from typing import cast

import pytest

from botticelli.monitoring.metrics.exporter import MetricsExporter
from botticelli.monitoring.metrics.metrics_server import MetricsServer

PAGE_BYTES = 20_000_000
"""More than the buffers of a connection hold, so that the server still writes when the client has gone."""


class LargePage:
    """An exporter whose page is large."""

    def page(self) -> bytes:
        return b"#" * PAGE_BYTES


def test_scraper_that_hangs_up_leaves_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with MetricsServer(cast(MetricsExporter, LargePage()), "127.0.0.1", 0) as server:
        server.daemon_threads = False  # so that closing the server waits for the answer
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        with socket.create_connection(server.server_address[:2], timeout=10) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.0 200")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.shutdown()
        serving.join()
    assert capsys.readouterr().err == ""
