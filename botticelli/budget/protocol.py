"""Defines the methods of every Budget: reserve, draw, settle, release and their relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from botticelli.budget.interface import (
    Amounts,
    Closing,
    Draw,
    DrawRequest,
    Refusal,
    Scope,
    ScopeUsage,
    Settlement,
    Share,
    Ticket,
    WarmAct,
)


class Budget(Protocol):
    """Grants amounts. Each method is atomic over all its scopes, for all processes on all machines."""

    def reserve(self, ticket_id: str, shares: Sequence[Share], lease_seconds: float) -> Ticket | Refusal:
        """Hold all shares, or none. A repeated id keeps its holds and gets a new lease.

        A refused ticket gets a place in the queue. It keeps the place if it asks again at the time in the refusal; until
        then later requests get only what it does not need.
        """
        ...

    def reserve_all(
        self, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> list[Ticket] | Refusal:
        """Reserve all shares for each id in turn, as `reserve` does, and stop at the first refusal.

        Returns the refusal only if the first id is refused. Later refused ids get no place in the queue. `ticket_ids` is
        not empty and has no duplicates.
        """
        ...

    def close_all(self, closing: Closing) -> list[Settlement]:
        """Settle each draw, then release each ticket, in one trip. Each is atomic on its own; all can be repeated."""
        ...

    def close_and_reserve(
        self, closing: Closing, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> tuple[list[Settlement], list[Ticket] | Refusal]:
        """Do as `close_all`, then as `reserve_all`, in one trip."""
        ...

    def draw(self, ticket_id: str, draw_id: str, scope: Scope, amounts: Amounts) -> Draw | Refusal:
        """Move `amounts` of one scope from held to in flight. Call it right before the provider request.

        Amounts that the ticket does not hold are requested from the windows now: it had reserved too little, or its lease
        has expired. A draw id that is open already is returned again.
        """
        ...

    def draw_all(self, draw_requests: Sequence[DrawRequest]) -> list[Draw | Refusal]:
        """Draw each request in order, as `draw` does."""
        ...

    def settle(self, ticket_id: str, draw_id: str, scope: Scope, actual: Amounts | None) -> Settlement:
        """Charge what the request has really used. `actual` None means unknown: the drawn amounts are charged."""
        ...

    def release(self, ticket_id: str, scopes: Sequence[Scope]) -> None:
        """Close the ticket: return undrawn amounts and its place in the queue. Open draws are charged as drawn."""
        ...

    def release_all(self, tickets: Sequence[Ticket]) -> None:
        """Release each ticket in order and in all of its scopes, as `release` does."""
        ...

    def renew(self, ticket_id: str, scopes: Sequence[Scope], lease_seconds: float) -> bool:
        """Extend the lease. Returns False when the ticket is gone in any of the scopes."""
        ...

    def renew_all(self, tickets: Sequence[Ticket], lease_seconds: float) -> None:
        """Renew each ticket in all of its scopes, as `renew` does."""
        ...

    def charge(self, scope: Scope, amounts: Amounts) -> Refusal | None:
        """Spend at once, without a ticket. Returns None when granted."""
        ...

    def reopening(self, scope: Scope, window: str) -> bool:
        """Return whether a window is full only because the server has lost its charges."""
        ...

    def block_until(self, scope: Scope, wait_ms: int) -> None:
        """Close the scope for all processes for `wait_ms`, as a provider's Retry-After demands. Never shortens a block."""
        ...

    def widen(self, scope: Scope, spread_ms: int, keep_ms: int) -> int:
        """Lengthen sliding windows and buckets by `spread_ms` for all processes, for `keep_ms`.

        The largest spread in force counts. Returns it; the guard of the scope is not part of it.
        """
        ...

    def warm_ms(self, scope: Scope, idle_ms: int, act: WarmAct) -> int:
        """Return for how many ms the scope has been in use since it was last idle for `idle_ms`.

        `look` changes nothing, `use` records a use, `restart` counts from now.
        """
        ...

    def usage(self, scope: Scope) -> ScopeUsage:
        """Return what is used and held now. Drops what has expired, and changes nothing else."""
        ...
