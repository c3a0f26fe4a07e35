"""The protocol of every Budget: reserve, draw, settle, release. No storage here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from botticelli.budget.interface import (
    Amounts,
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
    """May this be spent now? All methods are atomic over everything they name, for all processes on all machines."""

    def reserve(self, ticket_id: str, shares: Sequence[Share], lease_seconds: float) -> Ticket | Refusal:
        """Hold all shares, or nothing. The same id again gives the same holds back, with a new lease.

        Whoever comes back when the refusal says keeps a place: nobody who came later gets what it needs.
        """
        ...

    def reserve_all(
        self, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> list[Ticket] | Refusal:
        """Reserve all shares for each of these ids, until one is refused.

        All shares for each of these ids, as `reserve` would give them one after the other at this moment, until one is
        refused. The ids differ, and there is one at least.

        The refusal is that of the first; a later one that is refused keeps no place, for it can be asked for anew.
        """
        ...

    def draw(self, ticket_id: str, draw_id: str, scope: Scope, amounts: Amounts) -> Draw | Refusal:
        """Right before a provider request: move `amounts` of one scope from held to in flight.

        What the ticket does not hold (it asked for too little, or its lease ran out) is asked of the windows now.
        """
        ...

    def draw_all(self, draw_requests: Sequence[DrawRequest]) -> list[Draw | Refusal]:
        """Draw each request in order, as `draw` does."""
        ...

    def settle(self, ticket_id: str, draw_id: str, scope: Scope, actual: Amounts | None) -> Settlement:
        """After the request: charge what was really used; None when nobody knows, which charges what was drawn."""
        ...

    def release(self, ticket_id: str, scopes: Sequence[Scope]) -> None:
        """Give back what was never drawn, and a place in the queue; draws that are still open stay charged."""
        ...

    def release_all(self, tickets: Sequence[Ticket]) -> None:
        """Release each ticket in order and in all of its scopes, as `release` does."""
        ...

    def renew(self, ticket_id: str, scopes: Sequence[Scope], lease_seconds: float) -> bool:
        """Lengthen the lease; False when the ticket is gone."""
        ...

    def charge(self, scope: Scope, amounts: Amounts) -> Refusal | None:
        """Spend at once, without a ticket; None when it was granted."""
        ...

    def reopening(self, scope: Scope, window: str) -> bool:
        """Whether a window is closed only because the server forgot what was spent, and not because it was spent."""
        ...

    def block_until(self, scope: Scope, wait_ms: int) -> None:
        """Close the scope for everyone for `wait_ms` from now (a provider's Retry-After); never shortens a block."""
        ...

    def widen(self, scope: Scope, spread_ms: int, keep_ms: int) -> int:
        """Widen sliding windows and buckets for everyone.

        Make sliding windows and buckets at least `spread_ms` longer than the provider's, for everyone and for
        `keep_ms`; the widest counts, and it ends by itself. Answers by how much they are longer now, the scope's guard
        not counted.
        """
        ...

    def warm_ms(self, scope: Scope, idle_ms: int, act: WarmAct) -> int:
        """Return for how long the scope has been in use since its last silence of `idle_ms`.

        `look` changes nothing, `use` counts as a use, `restart` lets its use begin now.
        """
        ...

    def usage(self, scope: Scope) -> ScopeUsage:
        """Return what is used and held now. Drops what has expired, and changes nothing else."""
        ...
