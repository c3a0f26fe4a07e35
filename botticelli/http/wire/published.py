"""Completes the OpenAPI document: the schema of problems, how to authenticate, and what is repeated in no route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

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
TOKEN = {"type": "http", "scheme": "bearer", "description": "A token of `botticelli tokens create`."}


def publish(app: FastAPI) -> None:
    """Let the app publish the completed document."""
    generate = app.openapi

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = PROBLEM
            components["securitySchemes"] = {"token": TOKEN}
            document["security"] = [{"token": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = completed  # type: ignore[method-assign]
