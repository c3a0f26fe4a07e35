"""Refuses JSON that can't be stored or is none, before a route's model sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from botticelli.http.wire.problem_answers import Problem, entry
from botticelli.untrusted.storable import storable

MAX_DEPTH = 64


class CheckedRoute(APIRoute):
    """A route whose body is strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def checked(request: Request) -> Response:
            if request.method not in ("GET", "HEAD"):
                check_body(request.headers.get("content-type", ""), await request.body())
            return await handler(request)

        return checked


def check_body(content_type: str, body: bytes) -> None:
    """Raise Problem for a body that is not JSON, or that Postgres could not store."""
    if not body:
        return
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/merge-patch+json"):
        raise Problem(415, "", f"the body must be application/json, not {kind or 'without a type'}")
    try:
        value = json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise _invalid(f"is nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeDecodeError:
        raise _invalid("is not UTF-8") from None
    except ValueError as error:
        raise _invalid(f"is not JSON: {error}") from None
    if _depth(value) > MAX_DEPTH:
        raise _invalid(f"is nested deeper than {MAX_DEPTH} levels")
    if storable(value) != value:
        raise _invalid("contains a NUL character or an unpaired surrogate, which can't be stored")


def _invalid(what: str) -> Problem:
    return Problem(422, "", f"the body {what}", problems=[entry(what, key="body")])


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return number


def _depth(value: Any) -> int:
    """Return how deep a value is nested, without recursion."""
    deepest, pending = 0, [(value, 1)]
    while pending:
        item, depth = pending.pop()
        deepest = max(deepest, depth)
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        pending += [(child, depth + 1) for child in children]
    return deepest
