"""Reads the session of a browser: a cookie that holds a token, and a second text against forged requests."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION_COOKIE = "botticelli_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def csrf_token(token: str) -> str:
    """Return what requests of a session must repeat; other sites can't read it, and it does not give the token away."""
    return hashlib.sha256(f"csrf {token}".encode()).hexdigest()


def has_csrf_token(connection: HTTPConnection, token: str) -> bool:
    """Whether a request repeats the text of its session. Reads need not."""
    if connection.scope.get("method", "GET") in SAFE_METHODS:
        return True
    return hmac.compare_digest(connection.headers.get(CSRF_HEADER, "").encode(), csrf_token(token).encode())


def begin_session(response: Response, token: str, *, secure: bool, max_age_seconds: int | None = None) -> None:
    """Set the cookie, which no script can read and no other site can send; `secure`: over HTTPS only."""
    response.set_cookie(
        SESSION_COOKIE, token, max_age=max_age_seconds, httponly=True, samesite="strict", secure=secure, path="/"
    )


def end_session(response: Response) -> None:
    """Delete the cookie. The token stays valid."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", path="/")
