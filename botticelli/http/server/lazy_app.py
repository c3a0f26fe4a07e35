"""Lets a server listen at once: the app is imported by a thread while the first requests already wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any


class LazyApp:
    """An ASGI app that makes another one when the server starts. `/healthz` is answered meanwhile.

    `error` is why it could not be made; `on_error` is called then.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: asyncio.Task[Any] | None = None
        self.error: BaseException | None = None
        self.on_error: Callable[[], None] = lambda: None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert self._made is not None, "the server sends lifespan first"
        if scope["type"] == "http" and scope["path"] == "/healthz" and not self._made.done():
            await _answer_alive(send)
            return
        await (await asyncio.shield(self._made))(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._made = asyncio.create_task(self._begin())
        self._made.add_done_callback(self._end)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        app = (await asyncio.gather(self._made, return_exceptions=True))[0]
        if not isinstance(app, BaseException):
            await self._living.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})

    def end_streams(self) -> None:
        """Close the streams of events, which would last for ever."""
        if self._made is not None and self._made.done() and self.error is None:
            self._made.result().state.events.close()

    def _end(self, made: asyncio.Task[Any]) -> None:
        self.error = None if made.cancelled() else made.exception()
        if self.error is not None:
            self.on_error()

    async def _begin(self) -> Any:
        app = await asyncio.to_thread(self._make)
        self._living: AbstractAsyncContextManager[Any] = app.router.lifespan_context(app)
        await self._living.__aenter__()
        return app


async def _answer_alive(send: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"status":"ok"}'})
