"""Runs fake providers: local servers that speak the wire protocols of Gemini, Anthropic and OpenAI.

For tests of drivers, which use the real SDKs. Faults follow a script, rate limits are enforced, and no model is behind.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

from botticelli.testing.wires.provider_faults import ERRORS, Fault
from botticelli.testing.wires.provider_wires import WIRES, AnswerContent, Wire

CHARACTERS_PER_TOKEN = 4
PLAIN = "Hello from a server without a model."
JSON = '{"topic": "tea", "facts": ["one", "two", "three"]}'
CONTINUED = ("ok", "slow", "drip", "length", "refusal", "empty", "no-usage", "fenced", "broken-json")
"""Words of a script whose requests are answered normally, with status 200."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived; `headers` have lower-case names, `at` is a monotonic time in seconds.

    `status` is that of the answer, 0 for none. `port` is the client's, and the same for requests over one connection.
    """

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float
    word: str
    status: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A body that answers any request, after `delay_seconds`. The connection is closed after `cut_at` bytes of it."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    cut_at: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of requests and tokens in any interval of `period_seconds`; requests beyond are answered with 429."""

    requests: int
    tokens: int
    period_seconds: float = 60


@dataclass
class FakeProvider:
    """A server on a free local port.

    `script` has a word for each request in turn; further requests are answered normally. The words:

    ok, slow:SECONDS, drip:SECONDS, length, refusal, empty, no-usage, fenced, broken-json, truncated (a stream that ends
    early), drop (before the answer), drop-midway, not-json, raw (see `answer_raw`), or the name of an error
    (`provider_faults.ERRORS`), some with `:SECONDS` to wait.
    """

    wire: Literal["gemini", "anthropic", "openai"]
    script: Iterable[str] = ()
    limits: Limits | None = None
    answer: Callable[[str], str] = lambda prompt: JSON if "JSON" in prompt else PLAIN
    output_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0
    service: str = ""
    """The service tier that every answer names."""
    latency_seconds: float = 0
    received: list[Received] = field(default_factory=list)
    counted_tokens: int = 0
    """Tokens of all answers that were begun."""
    contents: list[AnswerContent] = field(default_factory=list)
    """All answers that were begun: what a provider puts on its bill."""
    count_fault: str = ""
    """Name of the error that answers token counting, optionally with `:SECONDS`; empty: tokens are counted."""
    echo_headers: tuple[str, ...] = ()
    """Names of request headers that every error repeats, as a server does that is careless with keys."""
    valid_key: str = ""
    """The only key that is accepted; any other is answered with 401. Empty: all are."""
    choose: Callable[[dict[str, Any], str], str | RawAnswer] | None = None
    """Chooses the answer by body and path, in place of the script: a word of the script, or a body."""

    def __post_init__(self) -> None:
        self._words = list(self.script)
        self._raw: list[RawAnswer] = []
        self._lock = threading.Lock()
        self._admitted: list[tuple[float, int]] = []
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        """The `base_url` for the driver."""
        root = f"http://127.0.0.1:{self.port}"
        return f"{root}/v1" if self.wire == "openai" else root

    @property
    def language(self) -> Wire:
        return WIRES[self.wire]

    def play(self, *words: str) -> None:
        """Add words to the script."""
        with self._lock:
            self._words += words

    def answer_raw(self, *answers: RawAnswer) -> None:
        """Add bodies to the script, each for one request."""
        with self._lock:
            self._raw += answers
            self._words += ["raw"] * len(answers)

    def stop_playing(self) -> None:
        """Clear the rest of the script."""
        with self._lock:
            self._words.clear()

    def statuses(self) -> list[int]:
        with self._lock:
            return [request.status for request in self.received]

    def chosen(self, body: dict[str, Any], path: str) -> str | RawAnswer:
        """Take the next word of the script, or a body."""
        if self.choose is not None:
            return self.choose(body, path)
        with self._lock:
            word = self._words.pop(0) if self._words else "ok"
            return self._raw.pop(0) if word == "raw" else word

    def note(self, received: Received, content: AnswerContent | None = None) -> None:
        with self._lock:
            self.received.append(received)
            if content is not None:
                self.counted_tokens += content.input_tokens + content.output_tokens
                self.contents.append(content)

    def wait(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def over_limit(self, tokens: int) -> float | None:
        """Admit and count a request of `tokens`, or return the seconds until it would be admitted."""
        limits, now = self.limits, time.monotonic()
        if limits is None:
            return None
        with self._lock:
            self._admitted = [(at, count) for at, count in self._admitted if now - at < limits.period_seconds]
            used = sum(tokens for _, tokens in self._admitted)
            if len(self._admitted) < limits.requests and used + tokens <= limits.tokens:
                self._admitted.append((now, tokens))
                return None
            return limits.period_seconds - (now - self._admitted[0][0]) if self._admitted else limits.period_seconds

    def compose(self, body: dict[str, Any], path: str, word: str) -> AnswerContent:
        """Compose the answer to a request."""
        prompt = self.language.prompt(body)
        text = {"empty": "", "refusal": "", "broken-json": JSON[:-1], "fenced": f"```json\n{JSON}\n```"}.get(word)
        text = self.answer(prompt) if text is None else text
        output = self.output_tokens if self.output_tokens is not None else math.ceil(len(text) / CHARACTERS_PER_TOKEN)
        finish = {"length": "length", "refusal": "refused", "truncated": None}.get(word, "stop")
        model = body.get("model") or path.rpartition("/")[2].partition(":")[0]
        stored_tokens = self.cached_tokens + self.cache_write_tokens
        input_tokens = max(1, math.ceil(len(prompt) / CHARACTERS_PER_TOKEN), stored_tokens)
        output = max(1, output, self.reasoning_tokens)
        counts = word != "no-usage"
        return AnswerContent(
            model,
            text,
            finish,
            input_tokens,
            output,
            self.cached_tokens,
            self.reasoning_tokens,
            counts,
            0 if self.wire == "gemini" else self.cache_write_tokens,
            0 if self.wire == "gemini" else self.cache_write_long_tokens,
            self.service,
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of a connection as the script of its `provider` says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    provider: FakeProvider

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def do_POST(self) -> None:
        if self.path.startswith("/upload/"):
            return self._upload()
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        at, path = time.monotonic(), self.path.partition("?")[0]
        if path.endswith((":countTokens", "/count_tokens")):
            return self._count(body, at)
        if path.endswith(("/messages", "/chat/completions", ":generateContent", ":streamGenerateContent")):
            return self._generate(body, at, path)
        self._note(body, at, "", 404)
        return self._json(404, self.provider.language.error(404, "not_found", f"there is no {path}", []))

    def _count(self, body: Any, at: float) -> None:
        """Answer with the number of input tokens, or with `count_fault`."""
        wire = self.provider.language
        word, _, number = self.provider.count_fault.partition(":")
        if word:
            fault = ERRORS[word](wire, float(number or 1))
            self._note(body, at, "count", fault.status)
            return self._fault(fault)
        self._note(body, at, "count", 200)
        prompt = wire.prompt(body)
        return self._json(200, wire.counted(max(1, math.ceil(len(prompt) / CHARACTERS_PER_TOKEN))))

    def _generate(self, body: Any, at: float, path: str) -> None:
        """Answer as the next word of the script says, or with 429 when a limit is reached."""
        answer = self.provider.chosen(body, path) if self._has_valid_key() else "401"
        if isinstance(answer, RawAnswer):
            return self._raw(body, at, answer)
        word, _, number = answer.partition(":")
        content = self.provider.compose(body, path, word)
        wait_seconds = self.provider.over_limit(content.input_tokens + content.output_tokens)
        if wait_seconds is not None:
            word, number = "429", f"{wait_seconds:.3f}"
        if word in ERRORS:
            fault = ERRORS[word](self.provider.language, float(number or 1))
            self._note(body, at, word, fault.status)
            return self._fault(fault)
        broken = word.startswith("drop") or word == "not-json"
        self._note(body, at, word, *((0,) if broken else (200, content)))
        self.provider.wait(float(number) if word == "slow" else self.provider.latency_seconds)
        if broken:
            return self._break(word)
        streams = body.get("stream") or path.endswith(":streamGenerateContent")
        return self._whole(content, streams=bool(streams), drip_seconds=float(number) if word == "drip" else 0.0)

    def _has_valid_key(self) -> bool:
        sent = (self.headers.get(name) for name in ("authorization", "x-api-key", "x-goog-api-key"))
        return not self.provider.valid_key or any(key and key.endswith(self.provider.valid_key) for key in sent)

    def _whole(self, content: AnswerContent, *, streams: bool, drip_seconds: float) -> None:
        """Send the answer in one body, or as a stream."""
        wire, limits = self.provider.language, self.provider.limits
        headers = wire.limits(limits.requests, limits.tokens) if limits else {}
        if streams:
            return self._stream(wire, content, headers)
        return self._json(200, wire.whole(content), headers, drip_seconds)

    def _upload(self) -> None:
        """Answer as Gemini's Files API: the first request gets an upload URL, the others upload the bytes."""
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._note({"bytes": len(data)}, time.monotonic(), "upload", 200)
        if "finalize" not in (self.headers.get("x-goog-upload-command") or ""):
            place = f"http://{self.headers['host']}/upload/here"
            return self._json(200, {}, {"x-goog-upload-url": place, "x-goog-upload-status": "active"})
        file = {"name": "files/one", "uri": "https://files.example/one", "state": "ACTIVE", "mimeType": "video/mp4"}
        return self._json(200, {"file": file}, {"x-goog-upload-status": "final"})

    def _note(self, body: Any, at: float, word: str, status: int, content: AnswerContent | None = None) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        port = self.client_address[1]
        self.provider.note(Received(self.path.partition("?")[0], headers, body, at, word, status, port), content)

    def _fault(self, fault: Fault) -> None:
        echoed = " ".join(self.headers.get(name, "") for name in self.provider.echo_headers)
        message = f"{fault.message} {echoed}".strip()
        self._json(
            fault.status,
            self.provider.language.error(fault.status, fault.code, message, fault.details),
            fault.headers,
        )

    def _raw(self, body: Any, at: float, raw: RawAnswer) -> None:
        self._note(body, at, "raw", raw.status)
        self.provider.wait(raw.delay_seconds)
        self._bytes(raw.status, raw.body, {"content-type": raw.content_type, **raw.headers}, cut_at=raw.cut_at)

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None, drip_seconds: float = 0) -> None:
        data = json.dumps(body).encode()
        self._bytes(status, data, {"content-type": "application/json", **(headers or {})}, drip_seconds)

    def _bytes(
        self, status: int, data: bytes, headers: dict[str, str], drip_seconds: float = 0, cut_at: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if cut_at is not None:
            data, self.close_connection = data[:cut_at], True
        step = 10 if drip_seconds else max(1, len(data))
        for start in range(0, len(data), step):
            self.provider.wait(drip_seconds)
            self.wfile.write(data[start : start + step])
            self.wfile.flush()

    def _stream(self, wire: Wire, content: AnswerContent, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", **headers, "transfer-encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in wire.pieces(content):
            data = piece.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _break(self, word: str) -> None:
        self.close_connection = True
        if word == "not-json":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n<html>")
        elif word == "drop-midway":
            self.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"a"')
