"""Refuses requests that a route would understand in part: JSON that can't be stored, fields and parameters without effect."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, get_origin

from fastapi import Request, Response
from fastapi.routing import APIRoute

from botticelli.http.wire.problem_answers import Problem, entry
from botticelli.untrusted.storable import storable

MAX_DEPTH = 64
RAW = "/webhooks/"
"""Bodies of these routes are for the handler of the webhook."""


class CheckedRoute(APIRoute):
    """A route whose body is strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        known = dict(_query_parameters(self.dependant))
        takes_body = self.body_field is not None or self.path.startswith(RAW)

        async def checked(request: Request) -> Response:
            check_query(request, known)
            if request.method not in ("GET", "HEAD"):
                body = check_body(request.headers.get("content-type", ""), await request.body())
                if body and not takes_body:
                    raise _without_body(body, known)
            return await handler(request)

        return checked


def _query_parameters(dependant: Any) -> Iterator[tuple[str, bool]]:
    """Yield the name of each parameter of the query, and whether it may be repeated."""
    for parameter in dependant.query_params:
        yield parameter.alias, get_origin(parameter.field_info.annotation) in (list, Sequence)
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)


def check_query(request: Request, known: Mapping[str, bool]) -> None:
    """Raise Problem for a parameter of the query that the route does not have, or has once and gets twice."""
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        close = difflib.get_close_matches(unknown, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
        problem = entry("is not a known parameter", key=f"query.{storable(unknown)}", hint=hint)
        raise Problem(422, "", f"query: {unknown[:80]!r} is not a known parameter; {hint}", problems=[problem])
    names = Counter(name for name, _ in request.query_params.multi_items())
    repeated = next((name for name, count in names.items() if count > 1 and not known[name]), None)
    if repeated is not None:
        problem = entry("is given more than once", key=f"query.{repeated}", hint="give it once")
        raise Problem(422, "", f"query.{repeated}: is given more than once", problems=[problem])


def check_body(content_type: str, body: bytes) -> Any:
    """Return the value of a body, None without one. Raises Problem for what is not JSON, or Postgres could not store."""
    if not body:
        return None
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
    return value


def _without_body(value: Any, known: Mapping[str, bool]) -> Problem:
    """Return the problem of a body for a route that takes none, an entry for each field."""
    fields = list(map(str, value)) if isinstance(value, dict) else []
    hints = [f"{name} is a parameter of the query" if name in known else "this takes no body" for name in fields]
    problems = [
        entry("is not a known field", key=f"body.{n}", hint=hint) for n, hint in zip(fields, hints, strict=True)
    ]
    detail = "; ".join(f"{problem['key']}: is not a known field; {problem['hint']}" for problem in problems[:3])
    return Problem(422, "", detail, problems=problems) if problems else _invalid("must be empty: this takes none")


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
