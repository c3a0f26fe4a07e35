"""The connections under an SDK, over a real server that holds its answers: reused, bounded, closed when idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.transport import http_pool
from botticelli.drivers.transport.http_client import http_client
from botticelli.drivers.transport.http_pool import Connections
from tests.support.waiting import wait_until


class Server(ThreadingHTTPServer):
    """Notes who asks for what; a request for /held is answered when the test lets it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[int, str]] = []
        self.open = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def callers(self) -> list[int]:
        """The port of the connection that each request came by."""
        return [port for port, _ in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.client_address[1], self.path))
        if self.path.endswith("/held"):
            self.server.open.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Not to the terminal."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.open.set()
        server.shutdown()
        thread.join()


def client(**options: object) -> httpx2.Client:
    return http_client(SdkOptions.model_validate(options))


def test_the_connection_that_was_used_last_is_used_next(server: Server) -> None:
    with client() as http:
        for _ in range(3):
            http.get(server.url)
        with ThreadPoolExecutor(4) as threads:
            held = [threads.submit(http.get, f"{server.url}/held") for _ in range(4)]
            wait_until(lambda: len(server.requests) == 7, "four at once")
            server.open.set()
            assert [connection.result().text for connection in held] == ["ok"] * 4
        last = http.get(server.url)
    assert last.status_code == 200
    assert len(set(server.callers[:3])) == 1
    assert len(set(server.callers[3:7])) == 4 and server.callers[0] in server.callers[3:7]
    assert server.callers[7] in server.callers[3:7]


def test_more_than_there_may_be_wait_and_say_so_when_it_is_too_long(server: Server) -> None:
    hasty = httpx2.Client(transport=Connections(1), timeout=httpx2.Timeout(60, pool=0.01))
    with hasty, client(max_connections=1) as patient:
        with pytest.raises(httpx2.ConnectError):
            hasty.get("http://127.0.0.1:1")
        with hasty.stream("GET", server.url), pytest.raises(httpx2.PoolTimeout):
            hasty.get(server.url)
        assert hasty.get(server.url).text == "ok"
        with ThreadPoolExecutor(2) as threads:
            both = [threads.submit(patient.get, f"{server.url}/held") for _ in range(2)]
            wait_until(lambda: len(server.requests) == 3, "the first of two")
            server.open.set()
            assert [future.result().text for future in both] == ["ok", "ok"]
    assert server.callers[-1] == server.callers[-2]


def test_idle_connection_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(10)
    with httpx2.Client(transport=connections) as http:
        with http.stream("GET", server.url), http.stream("GET", server.url):
            pass
        assert len(connections._free) == 2
        monkeypatch.setattr(http_pool, "IDLE_SECONDS", -1.0)
        http.get(server.url)
        assert len(connections._free) == 1


def test_a_proxy_of_the_environment_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with client() as http:
        assert http.get("http://provider.invalid/v1").text == "ok"
    assert [path for _, path in server.requests] == ["http://provider.invalid/v1"]
