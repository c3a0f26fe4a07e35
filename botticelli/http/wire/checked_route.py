"""Refuses JSON that can't be stored or is none, before a route's model sees it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Coroutine, Iterator
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
        known = frozenset(_query_names(self.dependant))

        async def checked(request: Request) -> Response:
            check_query(request, known)
            if request.method not in ("GET", "HEAD"):
                check_body(request.headers.get("content-type", ""), await request.body())
            return await handler(request)

        return checked


def _query_names(dependant: Any) -> Iterator[str]:
    for parameter in dependant.query_params:
        yield parameter.alias
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def check_query(request: Request, known: frozenset[str]) -> None:
    """Raise Problem for a parameter of the query that the route does not have: a filter that is misspelt."""
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        close = difflib.get_close_matches(unknown, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
        problem = entry("is not a known parameter", key=f"query.{storable(unknown)}", hint=hint)
        raise Problem(422, "", f"query: {unknown[:80]!r} is not a known parameter; {hint}", problems=[problem])


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
