"""Provider requests in all scopes that they spend from: drawn in all or in none, settled in all. Writes no row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from botticelli.budget import Amounts, Budget, Draw, DrawRequest, Refusal, Scope, Settlement, Share, Ticket

NOTHING = Amounts()


def granted(ticket: Ticket, scopes: Sequence[Scope], amounts: Amounts) -> list[dict[str, Any]]:
    """List each scope with the limits under which a draw was granted, for the ledger.

    For the ledger, as in a ticket: each scope with the limits under which a draw was granted. That is when the ticket
    was reserved, or now when it holds too little: of the two, the larger limit.
    """
    before = {share.scope.name: share.scope for share in ticket.shares}
    shares = tuple(Share(_wider(scope, before.get(scope.name, scope)), amounts) for scope in scopes)
    return list(Ticket(ticket.id, shares, 0).to_json()["shares"])


def _wider(now: Scope, before: Scope) -> Scope:
    limits = {window.name: window.limit for window in before.windows}
    windows = (replace(w, limit=max(w.limit, limits.get(w.name, w.limit))) for w in now.windows)
    return replace(now, windows=tuple(windows))


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws of one ticket.

    `scopes` in the order of drawing: the provider's comes last, as close to the call as can be; settling goes the other
    way round. Moments are those of the provider's scope.

    The ticket holds all of them, granted in one atomic call: a refusal here is rare (a retry, a lease that ran out). What
    a connection error leaves open is charged as drawn when the ticket is released or its lease runs out.
    """

    budget: Budget
    ticket_id: str
    scopes: tuple[Scope, ...]

    def of(self, draw_id: str, amounts: Amounts, place: int) -> DrawRequest:
        """What is asked of the scope at that place."""
        return DrawRequest(self.ticket_id, draw_id, self.scopes[place], amounts)

    def settle(self, draw_id: str, actual: Amounts | None) -> Settlement:
        """`actual` is None when nobody knows it: what was drawn counts."""
        return self._settle(self.scopes, draw_id, actual)[0]

    def undo(self, draw_id: str) -> None:
        """The request is not made after all."""
        self.give_back(draw_id, len(self.scopes))

    def give_back(self, draw_id: str, drawn: int) -> None:
        """What was drawn in the first so many scopes."""
        self._settle(self.scopes[:drawn], draw_id, NOTHING)

    def _settle(self, scopes: Sequence[Scope], draw_id: str, actual: Amounts | None) -> list[Settlement]:
        return [self.budget.settle(self.ticket_id, draw_id, scope, actual) for scope in reversed(scopes)]


class Request(NamedTuple):
    """One request that somebody wants to make, of any ticket."""

    draws: Draws
    draw_id: str
    amounts: Amounts


def draw_all(budget: Budget, asked: Sequence[Request]) -> list[Draw | Refusal]:
    """Draw several tickets together, each in all of its scopes.

    Each in all of its scopes, and all at once: one round trip for their first scopes, one for their second, and so on.
    Of each the first refusal gives back what was drawn before it.
    """
    answers: dict[int, Draw | Refusal] = {}
    place, going_on = 0, list(range(len(asked)))
    while going_on:
        requests = [asked[n].draws.of(asked[n].draw_id, asked[n].amounts, place) for n in going_on]
        for n, answer in zip(going_on, budget.draw_all(requests), strict=True):
            answers[n] = answer
            if isinstance(answer, Refusal):
                asked[n].draws.give_back(asked[n].draw_id, place)
        place += 1
        going_on = [n for n in going_on if isinstance(answers[n], Draw) and place < len(asked[n].draws.scopes)]
    return [answers[n] for n in range(len(asked))]


def confirm_all(budget: Budget, drawn: Sequence[tuple[Request, Draw]]) -> list[Draw | Refusal]:
    """Confirm draws once the ledger knows them.

    Once the ledger knows the draws: they stand, or they were lost with the server's memory before anybody could know of
    them, and are drawn anew. A refusal leaves nothing drawn.
    """
    if not drawn:
        return []
    again = budget.draw_all([one.draws.of(one.draw_id, one.amounts, -1) for one, _ in drawn])
    lost = [
        n
        for n, (answer, (_, draw)) in enumerate(zip(again, drawn, strict=True))
        if not isinstance(answer, Draw) or answer.drawn_at_ms != draw.drawn_at_ms
    ]
    anew = dict(zip(lost, draw_all(budget, [drawn[n][0] for n in lost]), strict=True))
    return [anew.get(n, answer) for n, answer in enumerate(again)]
