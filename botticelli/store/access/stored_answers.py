"""Stores what the HTTP door answered to requests with an idempotency key, so that a repeated request gets it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from botticelli.store.schema.access_tables import http_answers
from botticelli.store.schema.statements import statement

VALID_SECONDS = 86_400.0
LEASE_SECONDS = 120.0
"""Time after which a request that was not answered may be performed again: its process was lost."""
SWEPT = 100
"""How many answers whose time is over are deleted with each new one."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The record of an idempotency key. `is_mine`: it was free, and is this request's now.

    `status` None: the request is being performed. The status 0 stands for the usual one of its route.
    """

    is_mine: bool
    request_sha256: str | None
    status: int | None
    headers: Mapping[str, str] | None
    body: Any


class StoredAnswers:
    """Reads and writes answers within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, owner: str, key: str, request_sha256: str) -> StoredAnswer:
        """Take a key if it is free, and return what is stored under it."""
        values = {"owner": owner, "key": key, "request_sha256": request_sha256}
        values |= {"lease_seconds": LEASE_SECONDS, "valid_seconds": VALID_SECONDS}  # type: ignore[dict-item]
        row = self._connection.execute(statement("begin_answer"), values).mappings().one()
        self._sweep()
        return StoredAnswer(**row)

    def finish(self, owner: str, key: str, *, status: int, headers: Mapping[str, str], body: Any) -> None:
        """Store the answer to a request that has taken the key."""
        change = update(http_answers).where(http_answers.c.owner == owner, http_answers.c.key == key)
        self._connection.execute(change.values(status=status, headers=dict(headers), body=body))

    def release(self, owner: str, key: str) -> None:
        """Free a key whose request failed for a reason that may pass."""
        mine = (http_answers.c.owner == owner, http_answers.c.key == key, http_answers.c.status.is_(None))
        self._connection.execute(delete(http_answers).where(*mine))

    def _sweep(self) -> None:
        old = select(http_answers.c.owner, http_answers.c.key).where(http_answers.c.expires_at < func.now())
        rows = self._connection.execute(old.limit(SWEPT).with_for_update(skip_locked=True)).all()
        for owner, key in rows:
            self._connection.execute(
                delete(http_answers).where(http_answers.c.owner == owner, http_answers.c.key == key)
            )
