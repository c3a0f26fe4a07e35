"""Answers errors as application/problem+json (RFC 9457), with the list of problems that `--json` prints."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from botticelli.client.service_errors import as_unavailable
from botticelli.errors import BotticelliError, InvalidInput, NarrativeError, NotFound, ServiceUnavailable
from botticelli.http.wire.field_words import in_fields
from botticelli.settings import Settings
from botticelli.telemetry.masking import masked

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:botticelli:problem:"
RETRY_SECONDS = 2
logger = logging.getLogger("botticelli.http")
TITLES = {
    400: "Invalid request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Invalid request",
    428: "If-Match is required",
    429: "Too many requests",
    500: "Defect",
    503: "Unavailable",
}

PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"description": "The request is wrong; `problems` say what and where.", "content": PROBLEM},
    "default": {"description": "It was not done; `title` and `detail` say why.", "content": PROBLEM},
}


class Problem(Exception):
    """An error answer with a status of its own. `more` are further fields, `headers` go with the answer."""

    def __init__(
        self, status: int, title: str = "", detail: str = "", *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title or TITLES.get(status, "Error")
        self.detail = masked(detail)
        self.headers = dict(headers or {})
        self.more = more

    def as_json(self, instance: str = "") -> dict[str, Any]:
        name = self.title.lower().replace(" ", "-")
        return {
            "type": TYPES + name,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **({"instance": instance} if instance else {}),
            **self.more,
        }


def problem_answer(problem: Problem, instance: str = "", *, close: bool = False) -> JSONResponse:
    """Return a problem as an answer. `close` ends the connection: the rest of the request's body stays unread."""
    headers = {"Cache-Control": "no-store", **problem.headers, **({"Connection": "close"} if close else {})}
    return JSONResponse(problem.as_json(instance), problem.status, headers, MEDIA_TYPE)


def problem_of(error: Exception, settings: Settings | None = None) -> Problem:
    """Return the problem for an error. That of an unexpected error has no details, which only the log has."""
    if isinstance(error, Problem):
        return error
    error = (as_unavailable(error, settings) if settings else None) or error
    if isinstance(error, NarrativeError):
        return Problem(422, "Invalid narrative", error.what, problems=[entry(**_place(p)) for p in error.problems])
    if isinstance(error, ServiceUnavailable):
        return Problem(503, "", str(error), headers={"Retry-After": str(RETRY_SECONDS)}, problems=_of_error(error))
    if isinstance(error, NotFound):
        return Problem(404, "", in_fields(str(error)), problems=_of_error(error))
    if isinstance(error, InvalidInput):
        return Problem(422, "", in_fields(str(error)), problems=_of_error(error))
    if isinstance(error, BotticelliError):
        return Problem(502, "Failed", str(error), problems=_of_error(error))
    logger.error("http_defect", exc_info=error)
    return Problem(500, "", "this is a defect in Botticelli; the server's log says more")


def entry(
    what: str, *, file: str = "", line: int = 0, column: int = 0, key: str = "", hint: str = ""
) -> dict[str, Any]:
    """Return one item of `problems`."""
    return {"file": file, "line": line, "column": column, "key": key, "what": masked(what), "hint": masked(hint)}


def _place(problem: Any) -> dict[str, Any]:
    key = f"[{problem.table}] {problem.key}".strip() if problem.table else problem.key
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "key": key,
        "what": problem.message,
        "hint": in_fields(problem.hint),
    }


def _of_error(error: BotticelliError) -> list[dict[str, Any]]:
    return [entry(in_fields(error.what), key=in_fields(error.where), hint=in_fields(error.do))]


def validation_problem(errors: Sequence[Any]) -> Problem:
    """Return the problem of a request that does not fit its model: an entry for each field, without its value."""
    problems = [entry(_text(error), key=".".join(str(part) for part in error["loc"])) for error in errors]
    detail = "; ".join(f"{problem['key']}: {problem['what']}" for problem in problems[:3])
    return Problem(422, "", detail, problems=problems)


def _text(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a known field"
    return str(error["msg"])


def install(app: FastAPI) -> None:
    """Let every error of an app be answered as a problem."""

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return problem_answer(validation_problem(error.errors()), request.url.path)

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        title = TITLES.get(error.status_code, "")
        detail = "" if str(error.detail) == title else str(error.detail)
        return problem_answer(Problem(error.status_code, title, detail, headers=error.headers), request.url.path)

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        return problem_answer(problem_of(error), request.url.path)

    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Problem, on_error)
    app.add_exception_handler(BotticelliError, on_error)
