"""Routes of pages: HTML with a strict policy, and errors as pages that come back by themselves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from botticelli.http.console.rendering import error_page, secured
from botticelli.http.wire.problem_answers import Problem, problem_answer, problem_of, validation_problem

MAX_FIELDS = 1000


class PageRoute(APIRoute):
    """A page. Strangers are sent to the login; other errors are pages for a GET, and problem+json for the script."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                response = await handler(request)
            except Exception as error:
                response = _refused(request, error)
            return secured(response)

        return shown


def _refused(request: Request, error: Exception) -> Response:
    problem = _problem(request, error)
    if request.method != "GET":
        return problem_answer(problem, request.url.path)
    if problem.status == 401:
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(address, safe='')}", 303)
    return error_page(problem)


def _problem(request: Request, error: Exception) -> Problem:
    if isinstance(error, RequestValidationError):
        return validation_problem(error.errors())
    if isinstance(error, HTTPException):
        return Problem(error.status_code, "", str(error.detail))
    return problem_of(error, request.app.state.runtime.settings)


async def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form. Problem 422 for a file, or text that can't be stored."""
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if not isinstance(value, str) or "\0" in value:
            raise Problem(422, "", f"{name} must be text without NUL")
        fields[name] = value.replace("\r\n", "\n")
    return fields


Fields = Annotated[Mapping[str, str], Depends(form_fields)]
