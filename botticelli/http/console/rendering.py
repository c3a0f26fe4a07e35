"""Renders templates. Everything is escaped; nothing in a page runs or is styled but the files of `static/`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from botticelli import __version__
from botticelli.http.access.browser_sessions import SESSION_COOKIE, csrf_token
from botticelli.http.access.doors import Door
from botticelli.http.console.views import figures
from botticelli.http.console.views.status_marks import mark_of
from botticelli.http.wire.problem_answers import Problem

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
RETRY_SECONDS = "2"
STRANGER: dict[str, Any] = {"section": "", "identity": None, "may": bool, "csrf": ""}


def page(request: Request, door: Door, template: str, *, section: str, **values: Any) -> HTMLResponse:
    """Render a page for an identity. `section` is the part of the navigation that it belongs to."""
    token = request.cookies.get(SESSION_COOKIE)
    frame = {
        "section": section,
        "identity": door.identity,
        "may": door.identity.has,
        "csrf": csrf_token(token) if token and door.identity.via == "session" else "",
    }
    return HTMLResponse(_render(template, frame | values), headers={"Cache-Control": "no-store"})


def part(template: str, *, is_preview: bool = False, **values: Any) -> HTMLResponse:
    """Render a part of a page for htmx; a preview has changed nothing, so that the page need not follow."""
    headers = {"Cache-Control": "no-store", **({"X-Console-Preview": "1"} if is_preview else {})}
    return HTMLResponse(_render(template, values), headers=headers)


def notice(text: str) -> HTMLResponse:
    """Say what was done."""
    return part("parts/notice.html", text=text)


def error_page(problem: Problem) -> HTMLResponse:
    """Render an error as a page. The page for an absent server reloads by itself."""
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": RETRY_SECONDS} if problem.status == 503 else {})
    return HTMLResponse(_render("frame/error.html", STRANGER | {"problem": problem}), problem.status, headers)


def stranger_page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page for somebody who is not logged in."""
    return HTMLResponse(_render(template, STRANGER | values), status, {"Cache-Control": "no-store"})


def secured(response: Response) -> Response:
    """Add the headers that every answer of the console has."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def _render(template: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(values)


@cache
def static_version(name: str) -> str:
    """Return a text that changes with a static file, so that browsers may keep it."""
    return hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": figures.number,
        "money": figures.money,
        "duration": figures.duration,
        "moment": figures.moment,
        "iso": figures.iso,
        "visible": figures.visible,
    }
    environment.globals |= {"static": lambda name: f"/console/{name}?v={static_version(name)}"}
    environment.globals |= {"mark_of": mark_of, "version": __version__}
    return environment
