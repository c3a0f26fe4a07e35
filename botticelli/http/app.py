"""Makes the ASGI app: middleware, errors, the routers by name, and the pool of threads that handlers run in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module

import anyio.to_thread
from fastapi import APIRouter, FastAPI

from botticelli import __version__
from botticelli.http.routes import ROUTERS
from botticelli.http.streams.event_hub import EventHub
from botticelli.http.wire.body_limit import BodyLimit
from botticelli.http.wire.faults import Faults
from botticelli.http.wire.problem_answers import PROBLEM_RESPONSES, install
from botticelli.http.wire.published import publish
from botticelli.runtime.process import Runtime
from botticelli.webhooks.rejection_counts import RejectionCounts
from botticelli.webhooks.webhook import read_webhooks

DESCRIPTION = "Runs LLM narratives unattended, under budgets that cannot be overspent."


def create_app(runtime: Runtime, *, is_loopback: bool = False, routers: Sequence[str] = ROUTERS) -> FastAPI:
    """Make the app of a process. The runtime stays the caller's to close. SettingsError for a webhook that can't be received.

    `is_loopback`: the server listens on this machine only, so that it may be used without a token until there is one.
    """
    app = FastAPI(
        title="Botticelli",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        separate_input_output_schemas=False,
        responses=PROBLEM_RESPONSES,
    )
    app.state.runtime = runtime
    app.state.is_loopback = is_loopback
    app.state.webhooks = read_webhooks(runtime)
    app.state.webhook_rejections = RejectionCounts(runtime)
    app.state.events = EventHub(runtime)
    install(app)
    app.add_middleware(BodyLimit, on_too_large=partial(count_too_large, app))
    app.add_middleware(Faults)
    loaded = [load_router(name) for name in routers]
    for router in loaded:
        app.include_router(router)
    publish(app, loaded)
    return app


def count_too_large(app: FastAPI, path: str) -> None:
    """Count a body that is too large, if it was for a webhook."""
    name = path.removeprefix("/webhooks/")
    if name != path and name in app.state.webhooks:
        app.state.webhook_rejections.add(name, "too_large")


def load_router(name: str) -> APIRouter:
    """Import `module:attribute`."""
    module, _, attribute = name.partition(":")
    router: APIRouter = getattr(import_module(module), attribute)
    return router


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Size the pool of threads."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = app.state.runtime.settings.http.request_threads
    try:
        yield
    finally:
        app.state.events.close()
        await anyio.to_thread.run_sync(app.state.events.join)
