"""Creates, lists and revokes the tokens of this door."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field

from botticelli.http.access.doors import Admin
from botticelli.http.access.idempotency import Once
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.moments import Moment
from botticelli.http.wire.views import Body, Cursor, Limit, page_by_name, page_of, shown, view_of
from botticelli.security.access_tokens import create_token, list_tokens, revoke_token
from botticelli.statuses import AccessScope
from botticelli.store import ApiToken

router = APIRouter(route_class=CheckedRoute, tags=["tokens"])
TokenView = view_of(ApiToken, "TokenView")


class TokenBody(Body):
    """A token to create."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["ci"])]
    scopes: Annotated[list[AccessScope], Field(min_length=1, examples=[["read", "enqueue"]])] = ["read"]
    tenant: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    expires_at: Annotated[Moment | None, Field(examples=["2027-01-31T00:00:00Z"])] = None


class CreatedToken(TokenView):  # type: ignore[valid-type,misc]
    """A new token. `token` is shown once: a repeated request with the same Idempotency-Key has null there."""

    token: str | None


TokenPage = page_of(TokenView)


@router.get("/v1/tokens", response_model=TokenPage)
def list_all(door: Admin, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """List tokens without their secrets; revoked and expired ones stay for the record."""
    return page_by_name(list_tokens(door.whole), limit, cursor, lambda token: str(token.id))


@router.post("/v1/tokens", status_code=201, response_model=CreatedToken)
def create(door: Admin, body: TokenBody, once: Once, response: Response) -> Any:
    """Create a token. Only a hash of its secret is stored."""

    def answer() -> Any:
        new = create_token(
            door.whole, body.name, body.scopes, tenant=body.tenant, expires_at=body.expires_at, by=door.identity.name
        )
        return {**shown(new.token), "token": new.text}

    return once.perform(door, body, answer, response, hides=("token",))


@router.delete("/v1/tokens/{token_id}", response_model=TokenView)
def revoke(token_id: Annotated[str, Path(max_length=100)], door: Admin) -> Any:
    """Revoke a token: requests with it are refused from now on, and its streams end."""
    return shown(revoke_token(door.whole, token_id))
