"""Sends requests to Discord over HTTP, waits where its rate limits require it, and reads the answers within bounds.

A process has one client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import SecretStr

from botticelli.errors import PlatformError, PlatformTransient, PlatformUnknown
from botticelli.platforms.discord.rest.api import Reply, Request
from botticelli.platforms.discord.rest.request_limits import GlobalLimits, RouteLimits, parse_wait_seconds, wait_seconds
from botticelli.platforms.discord.rest.timeouts import timeout_seconds
from botticelli.platforms.protocol import PlatformContext
from botticelli.untrusted.bounded_body import ACCEPTED, Unreadable, strict_json, unpacked

BASE_URL = "https://discord.com/api/v10"
BODY_TIMEOUTS = 4
"""An answer that is incomplete after this many read timeouts is given up."""
FIRST_PAUSE_SECONDS = 0.05
MAX_BYTES = 16 * 1024 * 1024
"""Discord's largest answers (a thousand members) have about 1 MB."""
NO_CONTENT = (204, 205)
READ_TRIES = 3
BACKOFF_SECONDS = 0.3
REFUSED_SECONDS = 60.0
"""Nothing is sent for this time after a 401: Discord locks out addresses that continue with a bad token."""
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds an answer. `body` is JSON; None without content, and for a refusal that isn't JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Client:
    """Sends requests. Reads are repeated after errors; a write only if Discord said it wasn't performed (429)."""

    def __init__(
        self,
        read_token: Callable[[], str],
        options: Mapping[str, Any],
        place: PlatformContext | None,
        global_limits: GlobalLimits,
    ) -> None:
        self._read_token = read_token
        self._token = SecretStr(read_token())
        self._inline_wait_seconds = place.inline_wait_seconds if place else 5.0
        self._route_limits = RouteLimits(place)
        self._global_limits = global_limits
        self._refused_until = 0.0
        user_agent = f"DiscordBot (botticelli, {version('botticelli')})"
        self._timeout_seconds = timeout_seconds(options)
        self._http = httpx2.Client(
            timeout=self._timeout_seconds, headers={"User-Agent": user_agent, "Accept-Encoding": ACCEPTED}
        )
        self._base_url = str(options.get("base_url") or BASE_URL).rstrip("/")

    def close(self) -> None:
        self._http.close()

    def send(self, request: Request) -> Reply:
        deadline = time.monotonic() + self._inline_wait_seconds
        for attempt in range(1, READ_TRIES + 1):
            try:
                reply = self._until_let_in(request, deadline)
                if reply.status < 500 or request.writes:
                    return reply
            except PlatformUnknown:
                if request.writes or attempt == READ_TRIES:
                    raise
            if attempt < READ_TRIES:
                threading.Event().wait(BACKOFF_SECONDS * attempt)
        return reply

    def _until_let_in(self, request: Request, deadline: float) -> Reply:
        """Send until the answer isn't 429, waiting as long as it says and at least a growing pause."""
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            self._let_in(request, deadline)
            answer = self._once(request)
            if answer.status != 429:
                self._route_limits.learn(request, answer.headers)
                return Reply(answer.status, answer.body)
            body = answer.body if isinstance(answer.body, dict) else {}
            said = parse_wait_seconds(body.get("retry_after"))
            seconds = max(wait_seconds(said, answer.headers), pause_seconds)
            pause_seconds *= 2
            everywhere = body.get("global") is True or ("via" not in answer.headers and said is None)
            self._route_limits.learn(request, {"x-ratelimit-bucket": answer.headers.get("x-ratelimit-bucket", "")})
            wait_ms = round(seconds * 1000) + 1
            if everywhere:
                self._global_limits.close(wait_ms)
            else:
                self._route_limits.close(request, wait_ms)

    def _let_in(self, request: Request, deadline: float) -> None:
        """Wait until the limit of the route and the global limit grant the request."""
        while wait_ms := self._route_limits.take(request):
            self._wait(wait_ms / 1000, deadline, f"the rate limit of {request.method} {request.route} is used up")
        while (wait := self._global_limits.take()) is not None:
            self._wait(wait.wait_ms / 1000, deadline, wait.why)

    def _wait(self, seconds: float, deadline: float, why: str) -> None:
        """Wait, or raise PlatformTransient if that would pass the deadline: the iteration is then parked."""
        if time.monotonic() + seconds > deadline:
            raise PlatformTransient(f"Discord asks to wait: {why}", retry_after_seconds=seconds)
        threading.Event().wait(seconds)

    def _once(self, request: Request) -> Answer:
        """Send a request. When Discord refuses the token and another one is there now, send it again with that one."""
        if time.monotonic() < self._refused_until and not self._renewed():
            raise PlatformError("Discord refused the token a moment ago (401)", do="check the token in DISCORD_TOKEN")
        answer = self._sent(request)
        if answer.status == 401 and self._renewed():
            answer = self._sent(request)
        if answer.status == 401:
            self._refused_until = time.monotonic() + REFUSED_SECONDS
        return answer

    def _renewed(self) -> bool:
        """Read the token again; return whether it is another one."""
        token = self._read_token()
        if not token or token == self._token.get_secret_value():
            return False
        self._token, self._refused_until = SecretStr(token), 0.0
        return True

    def _sent(self, request: Request) -> Answer:
        headers = {"Authorization": f"Bot {self._token.get_secret_value()}"}
        if request.reason:
            headers["X-Audit-Log-Reason"] = quote(request.reason, safe=" =")
        try:
            sent = self._http.build_request(
                request.method,
                self._base_url + request.path,
                params=dict(request.query) or None,
                json=request.body if request.body is not None else None,
                headers=headers,
            )
        except (
            ValueError,
            httpx2.InvalidURL,
        ) as error:  # a text that isn't valid UTF-8, a path that isn't valid in a URL
            raise PlatformError(f"the arguments can't be sent as a request ({type(error).__name__})") from None
        answer = self._answer(sent, request)
        self._global_limits.learn(answer.status, answer.headers.get("x-ratelimit-scope"))
        return answer

    def _answer(self, sent: httpx2.Request, request: Request) -> Answer:
        try:
            response = self._http.send(sent, stream=True)
            try:
                return read_answer(response, whole_by=time.monotonic() + BODY_TIMEOUTS * self._timeout_seconds)
            finally:
                response.close()
        except UNSENT as error:
            raise PlatformTransient(f"Discord can't be reached: {type(error).__name__}") from None
        except Unreadable as error:
            raise PlatformUnknown(f"Discord's answer to {request.method} {request.route} {error}") from None
        except httpx2.HTTPError as error:
            raise PlatformUnknown(f"the connection to Discord was lost: {type(error).__name__}") from None


def read_answer(response: httpx2.Response, *, whole_by: float) -> Answer:
    """Read the whole answer before `whole_by` (monotonic clock).

    Raises Unreadable for a success whose body is neither a JSON object nor a list.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    says_done = response.status_code < 300 and response.status_code not in NO_CONTENT
    try:
        raw = b"".join(
            _in_time(unpacked(response.iter_raw(), headers.get("content-encoding", ""), MAX_BYTES), whole_by)
        )
        body = strict_json(raw) if raw else None
    except Unreadable:
        if says_done:
            raise
        return Answer(response.status_code, headers, None)
    if says_done and not isinstance(body, dict | list):
        raise Unreadable("is empty" if body is None else "is not a JSON object or list")
    return Answer(response.status_code, headers, body)


def _in_time(pieces: Iterator[bytes], whole_by: float) -> Iterator[bytes]:
    for piece in pieces:
        if time.monotonic() > whole_by:
            raise Unreadable("was not complete in time")
        yield piece
