"""Says whose a request is, by its token, its session, or because it comes from this machine and there are no tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

from botticelli.http.access.browser_sessions import SAFE_METHODS, SESSION_COOKIE, has_csrf_token
from botticelli.http.wire.loopback import is_loopback
from botticelli.http.wire.problem_answers import Problem
from botticelli.runtime.process import Runtime
from botticelli.security.access_tokens import token_of, tokens_exist
from botticelli.statuses import ACCESS_SCOPES

AUTHORIZATION = 'the header "Authorization" with "Bearer", a blank and the token'
"""Written so that masking takes no part of it for a secret."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="botticelli"'}


@dataclass(frozen=True, slots=True)
class Identity:
    """The sender of a request. `tenant` None: bound to none, so that it sees all. `via` says how it was recognised."""

    name: str
    scopes: frozenset[str]
    tenant: str | None = None
    token_id: str | None = None
    via: Literal["token", "session", "local"] = "token"

    def has(self, scope: str) -> bool:
        """Whether it may do what needs a scope; `admin` may do everything."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def owner(self) -> str:
        """Identities of one owner share idempotency keys."""
        return f"tenant {self.tenant}" if self.tenant else ""


LOCAL = Identity("local", frozenset(ACCESS_SCOPES), via="local")


def identify(connection: HTTPConnection, runtime: Runtime) -> Identity:
    """Return the identity of a request. Raises Problem 401, or 403 for a forged request of a browser."""
    identity = recognise(connection, runtime)
    if identity is None:
        raise Problem(401, "", f"send a token: {AUTHORIZATION}", headers=CHALLENGE)
    return identity


def recognise(connection: HTTPConnection, runtime: Runtime) -> Identity | None:
    """Return the identity of a request; None for a stranger. Raises Problem 401 for a token that is no longer valid."""
    header = connection.headers.get("authorization")
    if header is not None:
        kind, _, text = header.partition(" ")
        if kind.lower() != "bearer":
            raise Problem(401, "", f"only tokens are accepted: {AUTHORIZATION}", headers=CHALLENGE)
        return _with_token(runtime, text.strip(), "token")
    cookie = connection.cookies.get(SESSION_COOKIE)
    if cookie is not None:
        identity = _with_token(runtime, cookie, "session")
        if not has_csrf_token(connection, cookie):
            raise Problem(403, "", "the header X-CSRF-Token is missing or wrong; reload the page")
        return identity
    return LOCAL if _is_local(connection) and not tokens_exist(runtime) else None


def _with_token(runtime: Runtime, text: str, via: Literal["token", "session"]) -> Identity:
    token = token_of(runtime, text)
    if token is None:
        raise Problem(401, "", "this token is not known", headers=CHALLENGE)
    if not token.is_valid:
        what = "was revoked" if token.revoked_at else "has expired"
        raise Problem(401, "", f"the token {token.id} {what}", headers=CHALLENGE)
    return Identity(token.name, frozenset(token.scopes), token.tenant, token.id, via)


def _is_local(connection: HTTPConnection) -> bool:
    """Whether a request comes from this machine by a name of this machine, and not through a page of another site."""
    if not getattr(connection.app.state, "is_loopback", False):
        return False
    client = connection.client.host if connection.client else ""
    if not (is_loopback(client) and is_loopback(_host_name(connection.headers.get("host", "")))):
        return False
    site = connection.headers.get("sec-fetch-site", "none")
    return connection.scope.get("method") in SAFE_METHODS or site in ("none", "same-origin")


def _host_name(header: str) -> str:
    """Return the host of a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if ":" in header else header
