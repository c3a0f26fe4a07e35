"""Draws, settles and cancels the model calls of one act: charges the budgets, and prepares the rows of the ledger.

A call is drawn in all scopes that it spends from, or in none, and settled in all, at its exact cost.
Used by workers and by the test call of `doctor`. Makes no call and writes no row: the caller chooses the transaction.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from botticelli.budget import (
    Amounts,
    Budget,
    Draw,
    DrawRequest,
    Refusal,
    Scope,
    Settlement,
    SettleRequest,
    Share,
    Ticket,
)
from botticelli.drivers import GenerateResponse, ModelName, Usage
from botticelli.errors import DriverError, DriverTransient, DriverUnknown
from botticelli.pricing import Charge, KnownPrice, TokenCounts
from botticelli.statuses import CallFailure, LedgerOutcome
from botticelli.store import Entry, Settled

MICRO = 1_000_000
NO_COST = Decimal(0)
NOTHING = Amounts()


@dataclass(slots=True)
class CostRounder:
    """Carries the rounding remainder of a call to the next call with the same key: sums are off by less than $0.000001.

    With `ahead` a sum is never less than what was spent, else never more.
    """

    ahead: bool = True
    _rest: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: NO_COST))
    """The uncounted remainder by key, in micro-dollars; at most 0 when `ahead`."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def microusd(self, key: str, cost_usd: Decimal | None) -> int:
        """Return the micro-dollars to count for one more call. An unknown cost (None) counts as 0."""
        with self._lock:
            exact = self._rest[key] + (cost_usd or NO_COST) * MICRO
            whole = max(0, math.ceil(exact) if self.ahead else math.floor(exact))
            self._rest[key] = exact - whole
            return whole


costs = CostRounder()
"""The fractions of micro-dollars that this process carries over, by scope."""


class PricedCall(Protocol):
    """A planned model call: what it may use of which scopes, and its price."""

    @property
    def model(self) -> ModelName: ...

    @property
    def scopes(self) -> tuple[Scope, ...]: ...

    @property
    def scope(self) -> Scope: ...

    @property
    def price(self) -> KnownPrice: ...

    @property
    def amounts(self) -> Amounts: ...

    @property
    def tokens(self) -> int: ...

    @property
    def cost_usd(self) -> Decimal | None: ...

    @property
    def counts_cached(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Spender:
    """The act that spends, as the ledger names it."""

    run_id: str
    number: int
    act: str
    attempt: int
    narrative: str
    is_capped: bool = False
    """Whether the run has a cap on money, so that the ledger needs the estimated cost."""
    is_repair: bool = False


@dataclass(slots=True, eq=False)
class CallCharge:
    """The use of an answered call, which is settled once in all scopes of its draw: alone, or in a trip with others."""

    draws: Draws
    draw_id: str
    actual: Amounts
    row: Settled
    """The outcome for the ledger; its time is that of the draw until it is settled."""
    is_settled: bool = False

    @property
    def requests(self) -> list[SettleRequest]:
        """Return the requests that settle it; the time of the first one counts."""
        return self.draws.settle_requests(self.draw_id, self.actual)

    def settle(self) -> Settled:
        """Settle it unless that is done, and return the outcome for the ledger."""
        if not self.is_settled:
            self.note(self.draws.settle(self.draw_id, self.actual))
        return self.row

    def note(self, settlement: Settlement) -> None:
        """Note that it was settled."""
        self.row = replace(self.row, settled_at=moment(settlement.settled_at_ms))
        self.is_settled = True


def note_all(charges: Sequence[CallCharge], settlements: Sequence[Settlement]) -> None:
    """Note that the requests of all charges were settled, in this order."""
    answers = iter(settlements)
    for charge in charges:
        first, *_ = [next(answers) for _ in charge.requests]
        charge.note(first)


@dataclass(frozen=True, slots=True)
class PaidResponse:
    """A response with its cost, and what it is charged."""

    response: GenerateResponse
    charge: CallCharge
    drawn_at: datetime


class Account:
    """Spends from one ticket for one call of an act and its retries.

    `limits` returns a scope with the limits that are in force now.
    """

    def __init__(
        self, budget: Budget, ticket: Ticket, call: PricedCall, spender: Spender, limits: Callable[[Scope], Scope]
    ) -> None:
        self.call = call
        self._budget = budget
        self._ticket = ticket
        self._spender = spender
        self._limits = limits
        self._draws = Draws(budget, ticket.id, call.scopes)

    def request(self, draw_id: str) -> Request:
        """Return the request to draw the estimate in all scopes, with the limits that are in force now."""
        self._draws = replace(self._draws, scopes=tuple(map(self._limits, self.call.scopes)))
        return Request(self._draws, draw_id, self.call.amounts)

    def entry(self, draw: Draw) -> Entry:
        """Return the ledger row of a granted draw; it is written before the call is made."""
        spender = self._spender
        return Entry(
            draw_id=draw.id,
            run_id=spender.run_id,
            number=spender.number,
            act=spender.act,
            attempt=spender.attempt,
            scope=self.call.scope.name,
            estimated_tokens=self.call.tokens,
            estimated_cost_usd=self.call.cost_usd if self._counts_money else None,
            drawn_at=moment(draw.drawn_at_ms),
            narrative=spender.narrative,
            model=str(self.call.model),
            is_repair=spender.is_repair,
            shares=granted(self._ticket, self._draws.scopes, draw.amounts),
        )

    @property
    def settles_with_ticket(self) -> bool:
        """Whether a draw may stay open until the ticket is released: it covers all scopes, and none has slots."""
        covered = {share.scope.name for share in self._ticket.shares}
        windows = (window for scope in self.call.scopes for window in scope.windows)
        is_covered = all(scope.name in covered for scope in self.call.scopes)
        return is_covered and all(window.metric != "concurrency" for window in windows)

    def settle(self, draw: Draw, response: GenerateResponse) -> PaidResponse:
        """Charge what a call has used, and settle it."""
        paid = self.charge(draw, response)
        paid.charge.settle()
        return paid

    def charge(self, draw: Draw, response: GenerateResponse) -> PaidResponse:
        """Charge what a call has used; its cost is by the known price, else the driver's own figure, else unknown.

        The caller settles the charge before it writes the outcome.
        """
        drawn_at = moment(draw.drawn_at_ms)
        charge = self.call.price.charge(response.usage, drawn_at, response.service)
        if charge is not None:
            response = replace(response, cost_usd=charge.usd)
        doubtful = bool(response.usage_doubtful)
        row = _row(draw, "settled", draw.drawn_at_ms, response.usage, charge, doubtful=doubtful)
        used = _used(self.call, response.usage, response.cost_usd)
        return PaidResponse(
            response, CallCharge(self._draws, draw.id, used, replace(row, cost_usd=response.cost_usd)), drawn_at
        )

    def settle_failure(self, draw: Draw, error: DriverError) -> Settled:
        """Charge a call that failed.

        One that never left this machine counts nothing; a refused one, one request and no tokens; one that had begun,
        the tokens that were counted; one with an unknown outcome, its whole estimate.
        """
        if not error.was_sent:
            return self.cancel(draw, "not_sent")
        if isinstance(error, DriverUnknown):
            settled_at_ms = self._draws.settle(draw.id, None).settled_at_ms
            return _row(draw, "unknown", settled_at_ms, None, None)
        usage = Usage(*error.served_tokens)
        was_served = usage.total_tokens > 0
        charge = self.call.price.charge(usage, moment(draw.drawn_at_ms)) if was_served else None
        settled_at_ms = self._charge(draw, usage, charge.usd if charge else None)
        outcome: LedgerOutcome = "settled" if was_served else "refused"
        return replace(_row(draw, outcome, settled_at_ms, usage, charge, doubtful=was_served), failure=_failure(error))

    def cancel(self, draw: Draw, outcome: LedgerOutcome = "refused") -> Settled:
        """Return the amounts of a draw whose call is not made."""
        self._draws.undo(draw.id)
        return _row(draw, outcome, draw.drawn_at_ms, Usage(0, 0), None)

    def release(self) -> None:
        """Release the places in scopes that the ticket does not cover; what was drawn there is settled already."""
        covered = {share.scope.name for share in self._ticket.shares}
        others = [scope for scope in self.call.scopes if scope.name not in covered]
        if others:
            self._budget.release(self._ticket.id, others)

    @property
    def _counts_money(self) -> bool:
        """Whether a window or a cap counts the cost of calls, so that an estimate of it is needed."""
        windows = (window for scope in self.call.scopes for window in scope.windows)
        return self._spender.is_capped or any(window.metric == "cost_microusd" for window in windows)

    def _charge(self, draw: Draw, usage: Usage, cost_usd: Decimal | None) -> int:
        return self._draws.settle(draw.id, _used(self.call, usage, cost_usd)).settled_at_ms


def _failure(error: DriverError) -> CallFailure:
    if not isinstance(error, DriverTransient):
        return "terminal"
    return "rate_limited" if error.limited else "transient"


def moment(clock_ms: int) -> datetime:
    """Return a time of the budget's clock."""
    return datetime.fromtimestamp(clock_ms / 1000, UTC)


def _used(call: PricedCall, usage: Usage, cost_usd: Decimal | None) -> Amounts:
    """Return the amounts used. Cached input tokens count in windows of input tokens where the provider counts them."""
    cost_microusd = costs.microusd(call.scope.name, cost_usd)
    input_tokens = usage.input_tokens if call.counts_cached else usage.input_tokens - usage.cached_tokens
    return Amounts(1, usage.total_tokens, input_tokens, usage.output_tokens, cost_microusd)


def _row(
    draw: Draw,
    outcome: LedgerOutcome,
    settled_at_ms: int,
    usage: TokenCounts | None,
    charge: Charge | None,
    *,
    doubtful: bool = False,
) -> Settled:
    cost_usd, price = (charge.usd, charge.applied.as_json()) if charge else (None, None)
    return Settled(draw.id, outcome, moment(settled_at_ms), usage, cost_usd, doubtful, price)


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

    def settle_requests(self, draw_id: str, actual: Amounts | None) -> list[SettleRequest]:
        """Return the requests that `settle` makes, in order."""
        return [SettleRequest(self.ticket_id, draw_id, scope, actual) for scope in reversed(self.scopes)]

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
