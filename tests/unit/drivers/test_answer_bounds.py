"""The HTTP client under the SDKs: answers are unpacked within a limit, and what can't be unpacked is an error."""

from __future__ import annotations

import gzip
import json
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest

from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.transport.http_client import http_client

WHOLE = json.dumps({"text": "Venus"}).encode()


@contextmanager
def answering(body: bytes, encoding: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Encoding", encoding)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


@pytest.mark.parametrize(
    ("pack", "encoding"),
    [
        (gzip.compress, "gzip"),
        (gzip.compress, "x-gzip"),
        (zlib.compress, "deflate"),
        (raw_deflate, "deflate"),
        (bytes, "identity"),
        (bytes, ""),
    ],
)
def test_packed_answer_is_read(pack: Callable[[bytes], bytes], encoding: str) -> None:
    with answering(pack(WHOLE), encoding) as url, http_client(SdkOptions()) as client:
        assert client.get(url).json() == {"text": "Venus"}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"plain", "gzip"),
        (gzip.compress(WHOLE, mtime=0)[:-9], "gzip"),
        (b"x", "br"),
        (b"x", "zstd"),
        (b"x", "gzip, gzip"),
    ],
)
def test_answer_that_can_not_be_unpacked_is_an_error(body: bytes, encoding: str) -> None:
    with answering(body, encoding) as url, http_client(SdkOptions()) as client, pytest.raises(httpx2.DecodingError):
        client.get(url)


def gzip_bomb(megabytes: int) -> bytes:
    """Pack zeros once and repeat the packed block, which begins anew each time; the checksum isn't reached."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(b"0" * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"", mtime=0)[:10] + block * megabytes + packer.flush()


def test_packed_bomb_is_cut_off_and_costs_little_memory() -> None:
    bomb = gzip_bomb(500)
    with answering(bomb, "gzip") as url, http_client(SdkOptions()) as client:
        tracemalloc.start()
        try:
            with pytest.raises(httpx2.DecodingError, match="is larger than"):
                client.get(url)
            assert tracemalloc.get_traced_memory()[1] < 200_000_000
        finally:
            tracemalloc.stop()
