"""Stores the tokens of the HTTP door by their id; of the secret only its hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, text, update

from botticelli.store.schema.access_tables import api_tokens

USED_INTERVAL = text("interval '1 minute'")
"""How exact `last_used_at` is: a token that is used all the time is written once a minute."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token without its secret. `tenant` None: bound to none. `is_valid`: neither revoked nor expired when it was read."""

    id: str
    name: str
    scopes: Sequence[str]
    tenant: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_valid: bool


_HIDDEN = ("sha256",)
_SHOWN = [column for column in api_tokens.c if column.name not in _HIDDEN]
_VALID = api_tokens.c.revoked_at.is_(None) & or_(
    api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > func.clock_timestamp()
)
_READ = select(*_SHOWN, _VALID.label("is_valid"))


class ApiTokens:
    """Reads and writes tokens within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        token_id: str,
        sha256: str,
        *,
        name: str,
        scopes: Sequence[str],
        tenant: str | None,
        expires_at: datetime | None,
        by: str,
    ) -> ApiToken:
        """Store a new token, and return it."""
        values = {"id": token_id, "sha256": sha256, "name": name, "scopes": list(scopes), "tenant": tenant}
        self._connection.execute(insert(api_tokens).values(**values, expires_at=expires_at, created_by=by))
        return ApiToken(**self._connection.execute(_READ.where(api_tokens.c.id == token_id)).mappings().one())

    def all(self) -> list[ApiToken]:
        """List all tokens, the newest first."""
        query = _READ.order_by(api_tokens.c.created_at.desc(), api_tokens.c.id)
        return [ApiToken(**row) for row in self._connection.execute(query).mappings()]

    def find(self, token_id: str) -> tuple[ApiToken, str] | None:
        """Return a token and the hash of its secret."""
        query = _READ.add_columns(api_tokens.c.sha256).where(api_tokens.c.id == token_id)
        row = self._connection.execute(query).mappings().first()
        if row is None:
            return None
        values = dict(row)
        sha256 = values.pop("sha256")
        return ApiToken(**values), sha256

    def valid_among(self, token_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the tokens that are neither revoked nor expired."""
        query = select(api_tokens.c.id).where(api_tokens.c.id.in_(token_ids), _VALID)
        return frozenset(self._connection.execute(query).scalars())

    def exist(self) -> bool:
        """Whether a token was ever created."""
        return self._connection.execute(select(select(api_tokens.c.id).exists())).scalar_one()

    def mark_used(self, token_id: str) -> None:
        """Record that a token is used now, at most once a minute."""
        last = api_tokens.c.last_used_at
        is_old = or_(last.is_(None), last < func.now() - USED_INTERVAL)
        change = update(api_tokens).where(api_tokens.c.id == token_id, is_old).values(last_used_at=func.now())
        self._connection.execute(change)

    def revoke(self, token_id: str) -> ApiToken | None:
        """Revoke a token for good; None for an unknown one. A revoked one keeps its time."""
        first = func.coalesce(api_tokens.c.revoked_at, func.clock_timestamp())
        self._connection.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(revoked_at=first))
        row = self._connection.execute(_READ.where(api_tokens.c.id == token_id)).mappings().first()
        return None if row is None else ApiToken(**row)
