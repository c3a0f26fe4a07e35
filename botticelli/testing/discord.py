"""Runs a fake Discord for tests: its HTTP API over a socket, with rate limits, faults and a record of requests.

Guilds, channels, messages, nonces, pins, reactions, roles, members, threads, events and the audit log are in memory.
"""

from __future__ import annotations

import json
import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from botticelli.platforms.discord.fake import BOT_ID, World
from botticelli.testing.wires.discord_body import read_body

TOKEN = "test-token-that-is-no-secret"
GUILD = "111111111111111111"
USER = "222222222222222222"
API = "/api/v10"
Kind = Literal[
    "401", "403", "429", "429-global", "429-shared", "500", "502", "503", "slow", "drop", "drop-after-doing", "odd"
]


@dataclass(frozen=True)
class Odd:
    """The answer of the fault `odd`, which Discord itself would not give.

    `done`: the request is performed first. `via`: the answer has the header that Discord's own answers have.
    """

    status: int
    raw: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    via: bool = True


@dataclass
class Fault:
    """A fault of the next `times` requests whose `METHOD /path` matches `pattern`, a regular expression."""

    pattern: str
    kind: Kind
    times: int = 1
    seconds: float = 0.2
    odd: Odd | None = None


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `status` is None when the connection was dropped."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    status: int | None


@dataclass
class FakeDiscord:
    """A fake Discord, started by `serving`.

    `limits` maps patterns of `METHOD /path` to a number of requests and a period in seconds; a period starts with the
    first request.
    """

    world: World = field(default_factory=World)
    token: str = TOKEN
    faults: list[Fault] = field(default_factory=list)
    limits: dict[str, tuple[int, float]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _used: dict[str, tuple[float, float, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if GUILD not in self.world.data.guilds:
            self.world.data.add_guild(GUILD, "The guild")
            self.world.data.user(BOT_ID)
            self.world.data.add_user(USER, "ada")
            self.world.data.member(GUILD, USER, add=True)

    def channels(self, name: str) -> list[dict[str, Any]]:
        """List all channels and threads with this name."""
        return [channel for channel in self.world.data.channels.values() if channel["name"] == name]

    def contents(self, channel_id: str) -> list[str]:
        """List the contents of the channel's messages in order."""
        messages = self.world.data.messages.get(channel_id, {})
        return [messages[message_id]["content"] for message_id in sorted(messages, key=int)]

    def count(self, pattern: str) -> int:
        """Count the requests whose `METHOD /path` matches the pattern, including dropped ones."""
        return sum(re.search(pattern, f"{request.method} {request.path}") is not None for request in self.requests)

    def take_fault(self, line: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.pattern, line):
                    fault.times -= 1
                    return fault
        return None

    def rate(self, line: str) -> tuple[dict[str, str], float | None]:
        """Count a request; return rate limit headers, and the seconds to wait when the limit is exceeded."""
        match = next(((key, limit) for key, limit in self.limits.items() if re.search(key, line)), None)
        if match is None:
            return {}, None
        key, (most, period_seconds) = match
        with self._lock:
            now = self.clock()
            ends, ends_at, used = self._used.get(key, (now, 0.0, 0))
            if now >= ends:
                ends, ends_at, used = now + period_seconds, time.time() + period_seconds, 0
            over = used >= most
            used += not over
            self._used[key] = (ends, ends_at, used)
        headers = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(most - used)}
        headers |= {"X-RateLimit-Reset-After": _seconds(ends - now), "X-RateLimit-Reset": _seconds(ends_at)}
        return headers | {"X-RateLimit-Bucket": f"bucket{abs(hash(key)) % 10**8}"}, ends - now if over else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeDiscord

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_any(self) -> None:
        split = urlsplit(self.path)
        path = split.path.removeprefix(API)
        body = read_body(self.headers, self.rfile)
        line = f"{self.command} {unquote(path)}"
        fault = self.fake.take_fault(line)
        limits, wait = self.fake.rate(line)
        status, answer, headers = 0, None, dict(limits)
        if not split.path.startswith(API):
            status, answer = 404, {"message": "404: Not Found", "code": 0}
        elif self.headers.get("Authorization") != f"Bot {self.fake.token}":
            status, answer = 401, {"message": "401: Unauthorized", "code": 0}
        elif not (self.headers.get("User-Agent") or "").startswith("DiscordBot ("):
            status, answer = 403, {"message": "a DiscordBot user agent is needed", "code": 40333}
        elif wait is not None:
            status, answer = 429, _limited(wait, False)
            headers |= {"Retry-After": str(int(wait) + 1), "X-RateLimit-Scope": "user"}
        elif fault is not None:
            status, answer, more = self._fault(fault)
            headers |= more
        if fault is not None and fault.kind == "drop":
            return self._drop(path, dict(parse_qsl(split.query)), body)
        if fault is not None and fault.odd is not None:
            if fault.odd.done:
                reason = unquote(self.headers.get("X-Audit-Log-Reason") or "") or None
                self.fake.world.answer(self.command, path, dict(parse_qsl(split.query)), body, reason)
            self._note(path, dict(parse_qsl(split.query)), body, fault.odd.status)
            return self._send(fault.odd.status, fault.odd.raw, dict(fault.odd.headers), via=fault.odd.via)
        if not status:
            query, reason = dict(parse_qsl(split.query)), self.headers.get("X-Audit-Log-Reason")
            reply = self.fake.world.answer(self.command, path, query, body, unquote(reason) if reason else None)
            status, answer = reply.status, reply.body
            if fault is not None and fault.kind == "drop-after-doing":
                return self._drop(path, query, body)
        self._note(path, dict(parse_qsl(split.query)), body, status)
        self._answer(status, answer, headers)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

    def _fault(self, fault: Fault) -> tuple[int, Any, dict[str, str]]:
        if fault.kind == "slow":
            threading.Event().wait(fault.seconds)
            return 0, None, {}
        if fault.kind.startswith("429"):
            scope = fault.kind.partition("-")[2] or "user"
            headers = {"Retry-After": str(int(fault.seconds) + 1), "X-RateLimit-Scope": scope}
            more = {"X-RateLimit-Global": "true"} if scope == "global" else {}
            return 429, _limited(fault.seconds, scope == "global"), headers | more
        if fault.kind == "403":
            return 403, {"message": "Missing Permissions", "code": 50013}, {}
        return (int(fault.kind), {"message": "a fault"}, {}) if fault.kind.isdigit() else (0, None, {})

    def _drop(self, path: str, query: dict[str, str], body: Any) -> None:
        self._note(path, query, body, None)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _note(self, path: str, query: dict[str, str], body: Any, status: int | None) -> None:
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "authorization"}
        self.fake.requests.append(Request(self.command, unquote(path), query, body, headers, status))

    def _answer(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        text = b"" if answer is None else json.dumps(answer).encode()
        self._send(status, text, ({"Content-Type": "application/json"} if text else {}) | headers)

    def _send(self, status: int, text: bytes, headers: dict[str, str], *, via: bool = True) -> None:
        self.send_response(status)
        if via:
            self.send_header("Via", "1.1 fake")
        self.send_header("Content-Length", str(len(text)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, since requests are recorded."""


def _seconds(seconds: float) -> str:
    """Format seconds with three decimals, rounded up so that no client comes too early."""
    return f"{math.ceil(seconds * 1000) / 1000:.3f}"


def _limited(seconds: float, everywhere: bool) -> dict[str, Any]:
    return {"message": "You are being rate limited.", "retry_after": seconds, "global": everywhere}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that were killed."""


@contextmanager
def serving(fake: FakeDiscord | None = None) -> Iterator[FakeDiscord]:
    """Serve a fake Discord on a free local port; its address is `url`."""
    fake = fake or FakeDiscord()
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = _Server(("127.0.0.1", 0), handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}{API}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
