"""Refuses requests that are larger than 1 MB, while they arrive, and addresses with a NUL; for every route."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from botticelli.http.wire.problem_answers import Problem, problem_answer

MAX_BODY_BYTES = 1_000_000
DISCARDED_BYTES = 4_000_000
"""How much more of a refused body is read and thrown away: clients that write all before they read would see no answer,
but a connection that is reset."""
DISCARDED_SECONDS = 2.0
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TooLarge(HTTPException):
    """More bytes arrived than are allowed."""

    def __init__(self, limit_bytes: int) -> None:
        detail = f"the body is larger than {limit_bytes:,} bytes"
        super().__init__(413, detail, headers={"Connection": "close"})


class BodyLimit:
    """Counts the bytes of a body as they arrive; the header Content-Length is believed only when it is too large."""

    def __init__(
        self, app: App, limit_bytes: int = MAX_BODY_BYTES, *, on_too_large: Callable[[str], None] = lambda _: None
    ) -> None:
        self._app = app
        self._limit = limit_bytes
        self._on_too_large = on_too_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            if self._is_on_its_way(scope):
                await _discard(receive)
            await problem_answer(refusal, close=True)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive, scope["path"]), send)

    def _refusal(self, scope: Scope) -> Problem | None:
        if "\0" in scope["path"]:
            return Problem(404, "Not found", "there is nothing at an address with a NUL character")
        if b"%00" in scope["query_string"]:
            return Problem(422, "Invalid request", "the query contains a NUL character, which can't be stored")
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and len(declared) < 20 and int(declared) <= self._limit:
            return None
        self._on_too_large(scope["path"])
        return Problem(413, "", TooLarge(self._limit).detail)

    def _is_on_its_way(self, scope: Scope) -> bool:
        """Whether the client sends a body of moderate size without waiting to be told so."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        moderate = declared.isdigit() and len(declared) < 20 and int(declared) <= self._limit + DISCARDED_BYTES
        return moderate and b"expect" not in headers

    def _counted(self, receive: Receive, path: str) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                if message.get("more_body"):
                    await _discard(receive)
                self._on_too_large(path)
                raise TooLarge(self._limit)
            return message

        return counted


async def _discard(receive: Receive) -> None:
    """Read the rest of a body, up to DISCARDED_BYTES, for DISCARDED_SECONDS at most."""
    seen, more = 0, True
    try:
        async with asyncio.timeout(DISCARDED_SECONDS):
            while more and seen <= DISCARDED_BYTES:
                message = await receive()
                seen += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return
