"""Opens streams of events and reads them until its standard input ends: the clients of the benchmark."""

from __future__ import annotations

import selectors
import socket
import sys


def open_stream(url: str, run_id: str) -> socket.socket:
    """Open a stream and read its first bytes."""
    host, port = url.removeprefix("http://").split(":")
    stream = socket.create_connection((host, int(port)))
    stream.sendall(f"GET /v1/runs/{run_id}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    if b"200 OK" not in stream.recv(65536):
        raise SystemExit("a stream was refused")
    return stream


def main() -> None:
    url, run_id, count = sys.argv[1:]
    with selectors.DefaultSelector() as ready:
        for _ in range(int(count)):
            ready.register(open_stream(url, run_id), selectors.EVENT_READ)
        ready.register(sys.stdin, selectors.EVENT_READ)
        print("open", flush=True)
        received = 0
        while True:
            files = [key.fileobj for key, _ in ready.select()]
            if sys.stdin in files:
                break
            for stream in files:
                assert isinstance(stream, socket.socket)
                received += len(stream.recv(65536))
    print(f"{received:,} bytes")


if __name__ == "__main__":
    main()
