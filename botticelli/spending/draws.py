"""Draws a provider request in all scopes that it spends from, or in none, and settles it in all. Writes no row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from botticelli.budget import Amounts, Budget, Draw, DrawRequest, Refusal, Scope, Settlement, Share, Ticket

NOTHING = Amounts()


def granted(ticket: Ticket, scopes: Sequence[Scope], amounts: Amounts) -> list[dict[str, Any]]:
    """Return each scope with the limits under which a draw was granted, for the ledger, in the format of a ticket.

    A draw is granted by the limits at the ticket's reservation, or by those of now if the ticket holds too little: the
    larger limit of each window is recorded.
    """
    before = {share.scope.name: share.scope for share in ticket.shares}
    shares = tuple(Share(_wider(scope, before.get(scope.name, scope)), amounts) for scope in scopes)
    return list(Ticket(ticket.id, shares, 0).to_json()["shares"])


def _wider(now: Scope, before: Scope) -> Scope:
    limits = {window.name: window.limit for window in before.windows}
    windows = (replace(window, limit=max(window.limit, limits.get(window.name, 0))) for window in now.windows)
    return replace(now, windows=tuple(windows))


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws from one ticket.

    `scopes` are in the order of drawing: the provider's is last, as close to the call as possible. Settling takes the
    reverse order. Times are those of the provider's scope.

    The ticket has reserved all of them in one atomic call, so a refusal is rare here: a retry, or an expired lease. A draw
    that a connection error leaves open is charged as drawn when the ticket is released or its lease expires.
    """

    budget: Budget
    ticket_id: str
    scopes: tuple[Scope, ...]

    def of(self, draw_id: str, amounts: Amounts, index: int) -> DrawRequest:
        """Return the request to the scope at this index."""
        return DrawRequest(self.ticket_id, draw_id, self.scopes[index], amounts)

    def settle(self, draw_id: str, actual: Amounts | None) -> Settlement:
        """Charge what was really used, in all scopes. With `actual` None (unknown) the amounts drawn are charged."""
        return self._settle(self.scopes, draw_id, actual)[0]

    def undo(self, draw_id: str) -> None:
        """Return all amounts of a draw whose request is not sent after all."""
        self.give_back(draw_id, len(self.scopes))

    def give_back(self, draw_id: str, drawn: int) -> None:
        """Return the amounts that were drawn in the first `drawn` scopes."""
        self._settle(self.scopes[:drawn], draw_id, NOTHING)

    def _settle(self, scopes: Sequence[Scope], draw_id: str, actual: Amounts | None) -> list[Settlement]:
        return [self.budget.settle(self.ticket_id, draw_id, scope, actual) for scope in reversed(scopes)]


class Request(NamedTuple):
    """One provider request to draw, from any ticket."""

    draws: Draws
    draw_id: str
    amounts: Amounts


def draw_all(budget: Budget, requests: Sequence[Request]) -> list[Draw | Refusal]:
    """Draw several requests together, each in all of its scopes or in none.

    Takes one round trip for the first scopes of all requests, one for their second scopes, and so on. When a scope
    refuses a request, the amounts drawn for it before are returned. The results are in the order of `requests`.
    """
    results: dict[int, Draw | Refusal] = {}
    index, open_requests = 0, list(range(len(requests)))
    while open_requests:
        batch = [requests[n].draws.of(requests[n].draw_id, requests[n].amounts, index) for n in open_requests]
        for n, result in zip(open_requests, budget.draw_all(batch), strict=True):
            results[n] = result
            if isinstance(result, Refusal):
                requests[n].draws.give_back(requests[n].draw_id, index)
        index += 1
        drawn = [n for n in open_requests if isinstance(results[n], Draw)]
        open_requests = [n for n in drawn if index < len(requests[n].draws.scopes)]
    return [results[n] for n in range(len(requests))]


def confirm_all(budget: Budget, drawn: Sequence[tuple[Request, Draw]]) -> list[Draw | Refusal]:
    """Confirm draws after they were written to the ledger, and draw those again that the server has lost meanwhile.

    A server that lost its memory before the ledger had the draw could not rebuild it. A refusal leaves nothing drawn.
    """
    if not drawn:
        return []
    repeated = budget.draw_all([request.draws.of(request.draw_id, request.amounts, -1) for request, _ in drawn])
    lost = [
        n
        for n, (result, (_, draw)) in enumerate(zip(repeated, drawn, strict=True))
        if not isinstance(result, Draw) or result.drawn_at_ms != draw.drawn_at_ms
    ]
    redrawn = dict(zip(lost, draw_all(budget, [drawn[n][0] for n in lost]), strict=True))
    return [redrawn.get(n, result) for n, result in enumerate(repeated)]
