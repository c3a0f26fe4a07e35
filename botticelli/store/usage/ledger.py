"""Records each provider request in the ledger, from its draw to its settle: the Budget's durable record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, case, func, select, update

from botticelli.pricing import TOKEN_FIELDS, TokenCounts
from botticelli.statuses import CallFailure, LedgerOutcome
from botticelli.store.schema.statements import as_rows, columns_of, fetch, prepared, statement
from botticelli.store.schema.tables import ledger

SAMPLES = 200
"""How many of an act's last calls its statistics cover."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger row of a request that is about to be sent."""

    draw_id: str
    run_id: str
    number: int
    act: str
    attempt: int
    scope: str
    estimated_tokens: int
    drawn_at: datetime
    narrative: str = ""
    model: str = ""
    """`provider/model`."""
    estimated_cost_usd: Decimal | None = None
    """Highest cost of the request by its estimate; None where nothing counts money."""
    is_repair: bool = False
    """Whether it asks for a typed answer anew, because the one before did not fit its schema."""
    shares: Sequence[Mapping[str, Any]] = ()
    """All scopes that the request spends from, with the limits under which it was granted, as in a ticket."""


@dataclass(frozen=True, slots=True)
class PastUsage:
    """Past usage of an act: `tokens` is the requested quantile over `samples` calls."""

    samples: int
    tokens: int


@dataclass(frozen=True, slots=True)
class PastCalls:
    """Statistics of the last calls of an act.

    Each figure has its 10th and 50th percentile and its maximum; `seconds` is the median duration. The figures are None
    without samples; `cost_usd` also when the cost of one of the calls is unknown.
    """

    samples: int
    tokens: Sequence[int] | None = None
    input_tokens: Sequence[int] | None = None
    output_tokens: Sequence[int] | None = None
    cost_usd: Sequence[Decimal] | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunMoney:
    """The money of a run with a cap, as queries/run_money.sql explains it."""

    spent: Decimal | None
    in_flight: Decimal
    calls: int
    blind: int
    usual: Decimal | None
    dearest: Decimal | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of a request. `usage` is None when it is unknown."""

    draw_id: str
    outcome: LedgerOutcome
    settled_at: datetime
    usage: TokenCounts | None
    cost_usd: Decimal | None = None
    usage_doubtful: bool = False
    price: Mapping[str, Any] | None = None
    """The rates by which `cost_usd` was computed; None when the cost is unknown, or the driver's own figure."""
    failure: CallFailure | None = None
    """The kind of the provider's error; None for an answer, and for a request that was not made."""

    def as_row(self) -> dict[str, Any]:
        row = {"draw_id": self.draw_id, "outcome": self.outcome, "settled_at": self.settled_at}
        usage = {name: getattr(self.usage, name) for name in TOKEN_FIELDS} if self.usage else {}
        return {
            **row,
            **usage,
            "cost_usd": self.cost_usd,
            "usage_doubtful": self.usage_doubtful,
            "price": self.price,
            "failure": self.failure,
        }


class Ledger:
    """Reads and writes the ledger within one transaction.

    The outcome of a row is `drawn`, then `settled`, `refused`, `unknown`, or `not_sent`, which used nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def draw(self, *entries: Entry) -> None:
        fetch(self._connection, prepared("enter_draws"), {"rows": as_rows(map(columns_of, entries))})

    def settle(
        self,
        draw_id: str,
        outcome: LedgerOutcome,
        settled_at: datetime,
        usage: TokenCounts | None,
        cost_usd: Decimal | None = None,
    ) -> None:
        """Settle one request; see `settle_all`. `usage` is None when it is unknown."""
        self.settle_all([Settled(draw_id, outcome, settled_at, usage, cost_usd)])

    def settle_all(self, settled: Sequence[Settled]) -> None:
        """Record outcomes of requests; a row that has one already is left unchanged."""
        rows = as_rows(outcome.as_row() for outcome in settled)
        fetch(self._connection, prepared("settle_draws"), {"rows": rows})

    def abandon(self, run_id: str, number: int) -> None:
        """Mark the open draws of a lost worker as unknown, so that their estimates count."""
        mine = (ledger.c.run_id == run_id, ledger.c.number == number, ledger.c.outcome == "drawn")
        lost = {"outcome": "unknown", "settled_at": func.now(), "recorded_at": func.clock_timestamp()}
        self._connection.execute(update(ledger).where(*mine).values(lost))

    def past_usage(self, narrative: str, act: str, model: str, quantile: float) -> PastUsage:
        """Compute a quantile over the last settled draws of this act and model, in all runs of the narrative."""
        values = {"narrative": narrative, "act": act, "model": model, "quantile": quantile, "limit": SAMPLES}
        return PastUsage(*fetch(self._connection, prepared("past_usage"), values)[0])

    def run_money(self, run_id: str, narrative: str, act: str, model: str, quantile: float) -> RunMoney:
        """Read what a run has spent, with the past cost of one of its calls."""
        values: dict[str, Any] = {"run_id": run_id, "narrative": narrative, "act": act, "model": model}
        values |= {"quantile": quantile, "samples": SAMPLES}
        return RunMoney(**self._connection.execute(statement("run_money"), values).mappings().one())

    def prune(self, kept_seconds: float) -> int:
        """Delete draws of deleted runs once no window and no audit needs them; return how many."""
        return len(self._connection.execute(statement("prune_ledger"), {"kept_seconds": kept_seconds}).all())

    def past_calls(self, narrative: str, act: str, model: str, service: str) -> PastCalls:
        """Compute statistics over the same draws as `past_usage`; their cost only where `service` answered all of them."""
        values = {"narrative": narrative, "act": act, "model": model, "limit": SAMPLES, "service": service}
        return PastCalls(**self._connection.execute(statement("past_calls"), values).mappings().one())

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        query = select(ledger).where(ledger.c.run_id == run_id).order_by(ledger.c.drawn_at, ledger.c.draw_id)
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def services(self, run_id: str) -> dict[str, int]:
        """Count the answers of one run by the service that gave and charged them, where the price is known."""
        service = ledger.c.price["service"].astext
        query = select(service, func.count()).where(ledger.c.run_id == run_id, service.is_not(None)).group_by(service)
        return {name: int(count) for name, count in self._connection.execute(query.order_by(service))}

    def totals(self, run_id: str) -> dict[str, int]:
        """Sum up the requests and tokens of one run."""
        counts = (
            func.count(case((ledger.c.outcome != "not_sent", 1))),
            func.coalesce(func.sum(ledger.c.input_tokens), 0),
            func.coalesce(func.sum(ledger.c.output_tokens), 0),
            func.count(case((ledger.c.outcome == "unknown", 1))),
            func.count(case((ledger.c.usage_doubtful, 1))),
            func.count(case((ledger.c.is_repair & (ledger.c.outcome != "not_sent"), 1))),
        )
        row = self._connection.execute(select(*counts).where(ledger.c.run_id == run_id)).one()
        names = ("requests", "input_tokens", "output_tokens", "unknown_requests", "doubtful_requests", "repairs")
        return {name: int(count) for name, count in zip(names, row, strict=True)}
