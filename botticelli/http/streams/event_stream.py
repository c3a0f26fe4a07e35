"""Sends a subscription as server-sent events, with heartbeats, until it ends or its reader goes away."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from botticelli.http.streams.event_hub import EventHub
from botticelli.http.streams.subscription import Subscription

HEARTBEAT_SECONDS = 15.0
RETRY_MS = 3000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """An answer that lasts. It holds no thread and no connection to a server."""

    media_type = "text/event-stream"

    def __init__(self, hub: EventHub, subscription: Subscription) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._hub = hub
        self._subscription = subscription

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        pump = asyncio.create_task(self._pump(send))
        reader = asyncio.create_task(_gone(receive))
        self._subscription.on_overflow = pump.cancel
        try:
            await asyncio.wait({pump, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.unsubscribe(self._subscription)
            for task in (pump, reader):
                task.cancel()
            await asyncio.gather(pump, reader, return_exceptions=True)

    async def _pump(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await _send(send, b"retry: %d\n\n" % RETRY_MS)
        while True:
            frames = await self._subscription.next(HEARTBEAT_SECONDS)
            if not frames and self._subscription.is_closed:
                await _send(send, b"event: end\ndata: {}\n\n", more=False)
                return
            await _send(send, frames or b":\n\n")


async def _send(send: Any, data: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
