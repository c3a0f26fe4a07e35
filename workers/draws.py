"""One provider request in all scopes that it spends from: drawn in all or in none, settled in all. Writes no row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from botticelli.budget import Amounts, Budget, Draw, Refusal, Scope, Settlement, Share, Ticket

NOTHING = Amounts()


def granted(ticket: Ticket, scopes: Sequence[Scope], amounts: Amounts) -> list[dict[str, Any]]:
    """For the ledger, as in a ticket: each scope with the limits under which a draw was granted. That is when the ticket
    was reserved, or now when it holds too little: of the two, the larger limit."""
    before = {share.scope.name: share.scope for share in ticket.shares}
    shares = tuple(Share(_wider(scope, before.get(scope.name, scope)), amounts) for scope in scopes)
    return list(Ticket(ticket.id, shares, 0).to_json()["shares"])


def _wider(now: Scope, before: Scope) -> Scope:
    limits = {window.name: window.limit for window in before.windows}
    windows = (replace(w, limit=max(w.limit, limits.get(w.name, w.limit))) for w in now.windows)
    return replace(now, windows=tuple(windows))


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws of one ticket. `scopes` in the order of drawing: the provider's comes last, as close to the call as can
    be; settling goes the other way round. Moments are those of the provider's scope.

    The ticket holds all of them, granted in one atomic call: a refusal here is rare (a retry, a lease that ran out). What
    a connection error leaves open is charged as drawn when the ticket is released or its lease runs out.
    """

    budget: Budget
    ticket_id: str
    scopes: tuple[Scope, ...]

    def draw(self, draw_id: str, amounts: Amounts) -> Draw | Refusal:
        """The first refusal gives back what was drawn before it."""
        drawn: list[Scope] = []
        for scope in self.scopes:
            answer = self.budget.draw(self.ticket_id, draw_id, scope, amounts)
            if isinstance(answer, Refusal):
                self._settle(drawn, draw_id, NOTHING)
                break
            drawn.append(scope)
        return answer

    def confirm(self, draw: Draw, amounts: Amounts) -> Draw | Refusal:
        """Once the ledger knows the draw: it stands, or it was lost with the server's memory before anybody could know of
        it, and is drawn anew. A refusal leaves nothing drawn."""
        again = self.budget.draw(self.ticket_id, draw.id, self.scopes[-1], amounts)
        if isinstance(again, Draw) and again.drawn_at_ms == draw.drawn_at_ms:
            return again
        return self.draw(draw.id, amounts)

    def settle(self, draw_id: str, actual: Amounts | None) -> Settlement:
        """`actual` is None when nobody knows it: what was drawn counts."""
        return self._settle(self.scopes, draw_id, actual)[0]

    def undo(self, draw_id: str) -> None:
        """The request is not made after all."""
        self._settle(self.scopes, draw_id, NOTHING)

    def _settle(self, scopes: Sequence[Scope], draw_id: str, actual: Amounts | None) -> list[Settlement]:
        return [self.budget.settle(self.ticket_id, draw_id, scope, actual) for scope in reversed(scopes)]
