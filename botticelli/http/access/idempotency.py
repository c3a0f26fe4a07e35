"""Performs a request that creates something once for each Idempotency-Key, and repeats the stored answer after that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from botticelli.http.access.doors import Door
from botticelli.http.wire.problem_answers import Problem
from botticelli.store import StoredAnswer
from botticelli.telemetry.plain_values import plain

REPLAYED = {"Idempotency-Replayed": "true"}
USUAL = 0
"""Status that stands for the usual one of a route."""
KEY_PATTERN = r"^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$"


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The key of one request, if it has one. `place` is the method and the path, `owner` who shares the key."""

    given: str | None
    place: str

    def key_of(self, door: Door) -> str | None:
        """Return the key under which a run is enqueued: of a tenant's token, one that no other can use."""
        if self.given is None:
            return None
        return f"{door.identity.owner} {self.given}" if door.identity.owner else self.given

    def perform(
        self,
        door: Door,
        body: BaseModel,
        answer: Callable[[], Any],
        response: Response,
        *,
        hides: tuple[str, ...] = (),
    ) -> Any:
        """Return what `answer` returns, or what it returned to the same request before.

        Raises Problem 422 for a key that another request has used, and 409 while that is being performed. An error that has
        left a run is an answer, too; any other frees the key. Fields that `hides` names are not stored.
        """
        if self.given is None:
            return plain(answer())
        sha256 = self._digest(body)
        with door.whole.store.transaction() as tx:
            stored = tx.answers.begin(door.identity.owner, self.given, sha256)
        if not stored.is_mine:
            return _repeated(stored, sha256, response)
        try:
            result = plain(answer())
        except Exception as error:
            self._fail(door, error)
            raise
        self._finish(door, USUAL, {}, {**result, **dict.fromkeys(hides)})
        return result

    def _digest(self, body: BaseModel) -> str:
        text = json.dumps([self.place, body.model_dump(mode="json", exclude_unset=True)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _fail(self, door: Door, error: Exception) -> None:
        if isinstance(error, Problem) and "run_id" in error.more:
            self._finish(door, error.status, error.headers, error.as_json())
            return
        with door.whole.store.transaction() as tx:
            tx.answers.release(door.identity.owner, str(self.given))

    def _finish(self, door: Door, status: int, headers: dict[str, str], body: Any) -> None:
        with door.whole.store.transaction() as tx:
            tx.answers.finish(door.identity.owner, str(self.given), status=status, headers=headers, body=body)


def _repeated(stored: StoredAnswer, sha256: str, response: Response) -> Any:
    if stored.request_sha256 is not None and stored.request_sha256 != sha256:
        raise Problem(422, "Idempotency key reused", "another request has used this Idempotency-Key")
    if stored.status is None:
        detail = "the request with this Idempotency-Key is still being performed"
        raise Problem(409, "Request in flight", detail, headers={"Retry-After": "1"})
    if stored.status != USUAL:
        known = ("type", "title", "status", "detail", "instance")
        more = {name: value for name, value in stored.body.items() if name not in known}
        headers = {**(stored.headers or {}), **REPLAYED}
        raise Problem(stored.status, stored.body["title"], stored.body["detail"], headers=headers, **more)
    response.headers.update(REPLAYED)
    return stored.body


def _idempotency(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=KEY_PATTERN,
            max_length=255,
            description="Repeated requests with the same key and body are performed once, and answered alike for a day.",
        ),
    ] = None,
) -> Idempotency:
    return Idempotency(idempotency_key, f"{request.method} {request.url.path}")


Once = Annotated[Idempotency, Depends(_idempotency)]
