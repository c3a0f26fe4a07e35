"""Gives a route what it may use: the identity of the request, and a runtime and a client bound to its tenant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from botticelli.carousel import Actor
from botticelli.client.client import Client, client_over
from botticelli.http.access.identity import Identity, identify, recognise
from botticelli.http.wire.problem_answers import Problem
from botticelli.runtime.process import Runtime
from botticelli.runtime.tenant_runtime import tenant_runtime


@dataclass(frozen=True)
class Door:
    """The parts of the process that a request may use, and for whom."""

    identity: Identity
    whole: Runtime
    """The process's runtime, bound to no tenant: for what rows of tenants have no part in."""

    @cached_property
    def runtime(self) -> Runtime:
        """The runtime of the identity: for a tenant, rows of others do not exist."""
        return tenant_runtime(self.whole, self.identity.tenant) if self.identity.tenant else self.whole

    @cached_property
    def client(self) -> Client:
        return client_over(self.runtime, name=self.identity.name)

    def actor(self, reason: str = "") -> Actor:
        """Return the author of an action, for the audit log."""
        return Actor(reason, self.identity.name)

    def require_no_tenant(self) -> None:
        """Refuse tokens of tenants, where what is shared by all can be seen or changed."""
        if self.identity.tenant is not None:
            raise Problem(403, "", "a token of a tenant can't do this: it concerns all tenants")


def allows(scope: str) -> Callable[[Request], Door]:
    """Return a dependency: the door of a request that has a scope. Problem 401 for a stranger, 403 for too few scopes."""

    def door(request: Request) -> Door:
        runtime: Runtime = request.app.state.runtime
        identity = identify(request, runtime)
        if not identity.has(scope):
            raise Problem(403, "", f"this needs a token with the scope {scope}")
        return Door(identity, runtime)

    door.scope = scope  # type: ignore[attr-defined]
    return door


def stranger_or_identity(request: Request) -> Identity | None:
    """Return the identity of a request, None for a stranger or an invalid token."""
    try:
        return recognise(request, request.app.state.runtime)
    except Problem as problem:
        if problem.status == 401:
            return None
        raise


Reader = Annotated[Door, Depends(allows("read"))]
Enqueuer = Annotated[Door, Depends(allows("enqueue"))]
Controller = Annotated[Door, Depends(allows("control"))]
Approver = Annotated[Door, Depends(allows("approve"))]
Admin = Annotated[Door, Depends(allows("admin"))]
Anyone = Annotated[Identity | None, Depends(stranger_or_identity)]
