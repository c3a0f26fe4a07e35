"""Logs people in with a token, and out; gives out the files that pages load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from botticelli.http.access.browser_sessions import begin_session, end_session
from botticelli.http.access.doors import Anyone
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.rendering import FOLDER, stranger_page
from botticelli.http.wire.problem_answers import Problem
from botticelli.security.access_tokens import token_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
FILES = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
SESSION_SECONDS = 12 * 3600


@router.get("/console/{name}")
def static_file(name: str) -> Response:
    """Give out a file of `static/`. Its address changes with its content."""
    if name not in FILES:
        raise Problem(404, "", "there is no such file")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(Path(FOLDER, "static", name), media_type=FILES[name], headers=headers)


@router.get("/login")
def login_form(identity: Anyone, next_page: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Ask for a token; somebody who needs none goes on."""
    if identity is not None:
        return RedirectResponse(_own_address(next_page), 303)
    return stranger_page("frame/login.html", next_page=_own_address(next_page), fault="")


@router.post("/login")
def log_in(request: Request, fields: Fields) -> Response:
    """Begin a session with a token."""
    _require_own_site(request)
    target = _own_address(fields.get("next", "/"))
    text = fields.get("token", "").strip()
    token = token_of(request.app.state.runtime, text)
    if token is None or not token.is_valid:
        fault = "This token is not known. Create one with: botticelli tokens create"
        if token is not None:
            fault = "This token was revoked or has expired. Create one with: botticelli tokens create"
        return stranger_page("frame/login.html", 401, next_page=target, fault=fault)
    response = RedirectResponse(target, 303)
    begin_session(response, text, secure=request.url.scheme == "https", max_age_seconds=SESSION_SECONDS)
    return response


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the session of this browser; the token stays valid."""
    _require_own_site(request)
    response = RedirectResponse("/login", 303)
    end_session(response)
    return response


def _own_address(text: str) -> str:
    """Return an address of this server; `/` for one that leads elsewhere."""
    parts = urlsplit(text)
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return text if is_own and "\n" not in text and "\r" not in text else "/"


def _require_own_site(request: Request) -> None:
    """Refuse a form that another site has sent. A browser says so itself, an older one by the origin."""
    relation = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if relation is None and origin is not None:
        relation = "same-origin" if urlsplit(origin).netloc == request.headers.get("host") else "cross-site"
    if relation not in ("same-origin", "none", None):
        raise Problem(403, "", "this form was sent by another site")
