"""Makes, checks and revokes the tokens of the HTTP door: `bot_ID_SECRET`, of which only a hash is stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from botticelli.errors import InvalidInput, NotFound
from botticelli.runtime.process import Runtime
from botticelli.security.request_checks import check_options
from botticelli.security.time_checks import future_time
from botticelli.statuses import ACCESS_SCOPES
from botticelli.store import ApiToken
from botticelli.store.connection.tenant_role import prepare_tenant_role

ID_LETTERS = string.ascii_lowercase + string.digits
SECRET_LETTERS = string.ascii_letters + string.digits
ID_LENGTH, SECRET_LENGTH = 8, 32
FORM = re.compile(rf"bot_([a-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})")
NAME_CHARACTERS = 100
NO_HASH = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown once. `text` is what its owner sends."""

    token: ApiToken
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.token.id!r})"


def create_token(
    runtime: Runtime,
    name: str,
    scopes: Sequence[str],
    *,
    by: str,
    tenant: str | None = None,
    expires_at: datetime | None = None,
) -> NewToken:
    """Create a token, and return it with its secret, which can't be read again. InvalidInput for values that can't be."""
    if not name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise InvalidInput(f"the name of a token must have 1 to {NAME_CHARACTERS} printable characters")
    unknown = next((scope for scope in scopes if scope not in ACCESS_SCOPES), None)
    if unknown is not None or not scopes:
        what = f"{unknown!r} is not a scope" if unknown is not None else "a token needs a scope"
        raise InvalidInput(what, do=f"the scopes are {', '.join(ACCESS_SCOPES)}")
    if tenant is not None:
        check_options({"tenant": tenant})
        if "admin" in scopes:
            do = "give it read, enqueue, control and approve"
            raise InvalidInput("a token of a tenant can't have the scope admin", do=do)
    token_id = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
    secret = "".join(secrets.choice(SECRET_LETTERS) for _ in range(SECRET_LENGTH))
    ordered = [scope for scope in ACCESS_SCOPES if scope in scopes]
    with runtime.store.transaction() as tx:
        expires_at = future_time(expires_at, tx.schedules.now(), "expires_at")
        if tenant is not None:
            prepare_tenant_role(tx.connection)
        token = tx.api_tokens.add(
            token_id, _hash(secret), name=name, scopes=ordered, tenant=tenant, expires_at=expires_at, by=by
        )
    return NewToken(token, f"bot_{token_id}_{secret}")


def token_of(runtime: Runtime, text: str) -> ApiToken | None:
    """Return the token that a text is, valid or not; None for one that nobody has. Takes the same time for both."""
    match = FORM.fullmatch(text)
    if match is None:
        return None
    with runtime.store.transaction() as tx:
        row = tx.api_tokens.find(match[1])
        expected = row[1] if row else NO_HASH
        if not hmac.compare_digest(_hash(match[2]), expected) or row is None:
            return None
        if row[0].is_valid:
            tx.api_tokens.mark_used(match[1])
        return row[0]


def tokens_exist(runtime: Runtime) -> bool:
    """Whether a token was ever created here; without any, only this machine may use the door."""
    with runtime.store.transaction() as tx:
        return tx.api_tokens.exist()


def list_tokens(runtime: Runtime) -> list[ApiToken]:
    """List all tokens, the newest first; revoked ones stay for the record."""
    with runtime.store.transaction() as tx:
        return tx.api_tokens.all()


def revoke_token(runtime: Runtime, token_id: str) -> ApiToken:
    """Revoke a token by its id, or by itself: requests with it are refused from now on. NotFound."""
    match = FORM.fullmatch(token_id)
    with runtime.store.transaction() as tx:
        token = tx.api_tokens.revoke(match[1] if match else token_id.removeprefix("bot_"))
    if token is None:
        raise NotFound("there is no such token", do="see `botticelli tokens list`")
    return token


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
