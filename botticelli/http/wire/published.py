"""Completes the OpenAPI document: the schema of problems, how to authenticate, and what is repeated in no route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

ITEM = {
    "type": "object",
    "description": "One mistake; `line` 0 means that the place is not a line of a file.",
    "properties": {
        **{name: {"type": "string"} for name in ("file", "key", "what", "hint")},
        **{name: {"type": "integer"} for name in ("line", "column")},
    },
    "required": ["file", "line", "column", "key", "what", "hint"],
    "additionalProperties": False,
}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was not performed (RFC 9457). A refusal of the budget has `scope`, `window`, "
    "`retry_after_ms` and the `run_id` that can be resumed.",
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "instance")},
        "status": {"type": "integer"},
        "problems": {"type": "array", "items": ITEM},
    },
    "required": ["type", "title", "status", "detail"],
    "examples": [
        {
            "type": "urn:botticelli:problem:not-found",
            "title": "Not found",
            "status": 404,
            "detail": "there is no run 'x'; see `botticelli runs`",
        }
    ],
}
OPEN = ("/healthz", "/readyz")
TOKEN = {"type": "http", "scheme": "bearer", "description": "A token of `botticelli tokens create`."}


def publish(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Let the app publish the completed document, with the scope that each route of its routers demands."""
    generate = app.openapi
    scopes = dict(_scopes(routers))

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = PROBLEM
            components["securitySchemes"] = {"token": TOKEN}
            document["security"] = [{"token": []}]
            for (method, path), scope in scopes.items():
                if operation := document["paths"].get(path, {}).get(method):
                    operation["x-required-scope"] = scope
            for path in OPEN:
                document["paths"].get(path, {}).get("get", {})["security"] = []
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = completed  # type: ignore[method-assign]


def _scopes(routers: Iterable[APIRouter]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the scope of each route that demands one, by its method and its path as it is published."""
    for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
        for dependency in route.dependant.dependencies:
            scope = getattr(dependency.call, "scope", None)
            for method in (route.methods or ()) if isinstance(scope, str) else ():
                yield (method.lower(), route.path_format), str(scope)
