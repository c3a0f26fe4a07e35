"""No packet reaches a private address, whatever a URL looks like; what is public is fetched under caps."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from botticelli.errors import FetchError
from botticelli.security.safe_fetch import fault_of_url, fetch
from botticelli.settings.definitions import FetchSettings

HTTP = FetchSettings(allow_http=True)
OWN = FetchSettings(allow_http=True, allow_hosts=("media.test", "127.0.0.1"), timeout_seconds=60, max_mb=0.001)


class Canary:
    """A server on this machine that counts every connection that is made to it."""

    def __init__(self) -> None:
        self.connections = 0
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        canary = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                canary.pages[self.path](self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def get_request(self) -> tuple[socket.socket, object]:
                canary.connections += 1
                return super().get_request()

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


def page(body: bytes = b"hello", status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


HOSTS = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0177.0.0.1",
    "0x7f.1",
    "127.1",
    "0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "[fe80::1%25lo]",
    "[fd00::1]",
    "224.0.0.1",
    "0.0.0.0",
    "[::7f00:1]",
    "[::ffff:0:7f00:1]",
    "[::ffff:8.8.8.8]",
    "[64:ff9b:1::1]",
    "[64:ff9b:1:fffe::a00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[fec0::1]",
    "[5f00::1]",
    "[3fff::1]",
    "[3ffe::1]",
    "[1::]",
    "[::2]",
    "[100::1]",
    "[4000::1]",
    "[8000::1]",
    "[e000::1]",
    "[2001::1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:2::1]",
    "[2001:db8::1]",
    "[2002:a00:1::]",
    "[2002:808:808::]",
    "[2620:4f:8000::1]",
    "[2606:4700::5efe:7f00:1]",
    "[2606:4700::200:5efe:a00:1]",
    "[2606:4700::1%25eth0]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "192.88.99.1",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "255.255.255.255",
    "0x7f000001",
    "017700000001",
    "0x7f.0.0.1",
    "127.0.0.1.",
    "127.0.1",
    "127.0.0.08",
    "1.2.3.4.5",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
    "printer.local",
    "metadata.google.internal",
    "metadata.google.internal.",
    "metadata",
    "instance-data",
    "redis",
    "127%2e0%2e0%2e1",
    "a..b",
    "-a.example",
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_private_address_gets_no_packet(canary: Canary, host: str) -> None:
    with pytest.raises(FetchError, match=r"public|private|disguise"):
        fetch(f"http://{host}:{canary.port}/x", HTTP)
    assert canary.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/a.png",
        "https://user:secret@example.com/a.png",
        "https://a@127.0.0.1/",
        "https:///a.png",
        "https://example.com/a b",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\r\nX: y",
        "https://example.com:99999/",
        "https://exämple.com/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://\u2460\u2461\u2466.0.0.1/",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:-1/",
        "https://example.com:443a/",
        "https://@example.com/",
        "https://example.com%00.test/",
        "https://[::1/",
        "https://]/",
    ],
)
def test_other_urls_are_refused_before_anybody_is_asked(url: str) -> None:
    assert fault_of_url(url, FetchSettings()) is not None
    resolved: list[str] = []
    with pytest.raises(FetchError) as caught:
        fetch(url, FetchSettings(), resolve=lambda host, port: resolved.append(host) or ["93.184.216.34"])
    assert resolved == []
    assert "secret" not in str(caught.value)


def test_all_addresses_of_a_name_have_to_be_public(canary: Canary) -> None:
    private = (
        "::ffff:10.0.0.1",
        "::7f00:1",
        "64:ff9b:1::1",
        "fec0::1",
        "1::",
        "168.63.129.16",
        "192.88.99.1",
        "fe80::1%lo",
    )
    for addresses in (
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        [],
        *(["93.184.216.34", address] for address in private),
    ):
        with pytest.raises(FetchError):
            fetch(
                f"http://rebinding.test:{canary.port}/", HTTP, resolve=lambda host, port, resolved=addresses: resolved
            )
    assert canary.connections == 0


def test_a_name_is_asked_once_and_its_answer_is_what_is_connected_to(canary: Canary) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    canary.pages["/a"] = page(b"content", Content_Type="image/png")
    fetched = fetch(f"http://media.test:{canary.port}/a", OWN, resolve=lambda host, port: next(answers))
    assert (fetched.data, fetched.mime) == (b"content", "image/png")
    assert canary.connections == 1


def test_redirects_are_judged_like_the_first_url(canary: Canary) -> None:
    here = f"http://media.test:{canary.port}"
    canary.pages["/a"] = page(status=302, Location="/b")
    canary.pages["/b"] = page(b"found")
    canary.pages["/loop"] = page(status=301, Location="/loop")
    canary.pages["/inside"] = page(status=302, Location=f"http://localhost:{canary.port}/b")
    canary.pages["/file"] = page(status=302, Location="file:///etc/passwd")
    only = OWN.model_copy(update={"allow_hosts": ("media.test",)})
    names = {"media.test": ["127.0.0.1"], "localhost": ["127.0.0.1"]}
    assert fetch(f"{here}/a", only, resolve=lambda host, port: names[host]).data == b"found"
    before = canary.connections
    with pytest.raises(FetchError, match="more than 3"):
        fetch(f"{here}/loop", only, resolve=lambda host, port: names[host])
    with pytest.raises(FetchError, match="private"):
        fetch(f"{here}/inside", only, resolve=lambda host, port: names[host])
    with pytest.raises(FetchError, match="not an https URL"):
        fetch(f"{here}/file", only, resolve=lambda host, port: names[host])
    assert canary.connections - before == 4 + 1 + 1


def test_answers_have_caps(canary: Canary) -> None:
    here = f"http://127.0.0.1:{canary.port}"
    canary.pages["/large"] = page(b"x" * 2000)
    canary.pages["/none"] = page(status=404)
    canary.pages["/zip"] = page(b"x", Content_Encoding="gzip")
    for path, reason in {"/large": "larger than 0.001 MB", "/none": "status 404", "/zip": "compressed"}.items():
        with pytest.raises(FetchError, match=reason):
            fetch(here + path, OWN)


def test_a_drip_does_not_outlive_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):  # whoever asked has gone
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not stop.wait(0.05):
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(FetchError, match=r"longer than 0\.4 s"):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", OWN.model_copy(update={"timeout_seconds": 0.4}))
        waited_seconds = time.monotonic() - started
        stop.set()
        socket.create_connection(server.getsockname()).close()  # time may have been up before anybody connected
        thread.join()
        assert waited_seconds < 60


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "example.com.",
        "xn--exmple-cua.com",
        "a_b.example.com",
        "1.example.com",
        "93.184.216.34",
        "[2606:4700::1]",
        "[64:ff9b::5db8:d822]",
        "localhost.example.com",
    ],
)
def test_public_host_is_not_refused(host: str) -> None:
    assert fault_of_url(f"https://{host}/a.png", FetchSettings()) is None
    assert fault_of_url(f"https://{host}:8443/a.png", FetchSettings()) is None


def test_host_of_ones_own_is_allowed_whatever_it_is() -> None:
    own = FetchSettings(allow_http=True, allow_hosts=("redis", "10.0.0.1"))
    assert fault_of_url("http://redis:81/a.png", own) is None
    assert fault_of_url("http://10.0.0.1/a.png", own) is None


def test_redirect_to_a_private_name_or_address_gets_no_packet(canary: Canary) -> None:
    here = f"http://media.test:{canary.port}"
    only = OWN.model_copy(update={"allow_hosts": ("media.test",)})
    for number, target in enumerate(
        ("http://[::7f00:1]", "http://0x7f000001", "http://[64:ff9b:1::1]", "http://metadata")
    ):
        canary.pages[f"/{number}"] = page(status=302, Location=f"{target}:{canary.port}/x")
        before = canary.connections
        with pytest.raises(FetchError, match=r"public|private|disguise"):
            fetch(f"{here}/{number}", only, resolve=lambda host, port: ["127.0.0.1"])
        assert canary.connections == before + 1


@pytest.mark.parametrize("special", ["/", "?", "#", ":", "@", "[", "%"])
def test_refused_url_shows_no_part_of_its_password(special: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(f"http://user:hunter{special}2secret@example.com/a.png?token=hunter2", FetchSettings())
    assert "hunter" not in str(caught.value) and "2secret" not in str(caught.value)


def test_certificates_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(FetchError, match="SSL_CERT_FILE: there is no file"):
        fetch("https://example.com/a.png", FetchSettings(), resolve=lambda host, port: ["93.184.216.34"])
