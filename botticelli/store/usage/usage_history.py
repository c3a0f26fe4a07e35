"""Reads past spending from the ledger: by scope, by time, by act, and row by row for the audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from botticelli.statuses import LedgerOutcome
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import ledger

DAY_SECONDS = 86_400
RECENT_DRAWS = 100
"""How many draws of each model's scope are read to find the scopes that are in use."""
ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class ActUsage:
    """Usage of one act with one model. Tokens are means per call; 90 % of the calls took at most `p90_tokens`."""

    narrative: str
    act: str
    model: str
    calls: int
    estimated_tokens: int
    actual_tokens: int
    p90_tokens: int
    doubtful_calls: int = 0
    """Calls whose tokens are estimated, because the provider's count was implausible."""


@dataclass(frozen=True, slots=True)
class Step:
    """Spending in one interval of time."""

    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ChargedMinute:
    """Spending from one scope in one minute; `at` is the time of the last draw in it."""

    scope: str
    at: datetime
    requests: int
    tokens: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int


@dataclass(frozen=True, slots=True)
class SpentRow:
    """One draw of the ledger. `shares` are the scopes that the draw spent from, as in a ticket; empty in old rows."""

    draw_id: str
    run_id: str
    number: int
    act: str
    scope: str
    shares: Sequence[Mapping[str, Any]]
    outcome: LedgerOutcome
    estimated_tokens: int
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    drawn_at: datetime
    settled_at: datetime | None


class SpendingHistory:
    """Reads the ledger within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def recent_scopes(self, seconds: float = DAY_SECONDS) -> dict[str, Mapping[str, Any] | None]:
        """Return the scopes of the last `seconds` with the share of their last draw; None where no row has it.

        Of each model's scope only its last draws are read: other scopes that these did not spend from are left out.
        """
        values = {"seconds": seconds, "draws": RECENT_DRAWS}
        return {row.scope: row.share for row in self._connection.execute(statement("recent_scopes"), values)}

    def charged(self, scopes: Sequence[str], seconds: float) -> list[ChargedMinute]:
        """List the spending of the last `seconds`, oldest first; draws in flight or unknown count as estimated."""
        rows = self._connection.execute(statement("charged"), {"scopes": list(scopes), "seconds": seconds})
        return [ChargedMinute(row.scope, row.at, *map(int, row[2:])) for row in rows]

    def by_time(self, *, step_seconds: int, steps: int) -> dict[str, list[Step]]:
        """Return `steps` intervals up to now for each scope, oldest first."""
        history: dict[str, list[Step]] = {}
        values = {"step_seconds": step_seconds, "steps": steps}
        for row in self._connection.execute(statement("usage_by_time"), values):
            line = history.setdefault(row.scope, [Step()] * steps)
            line[steps - 1 - min(row.step, steps - 1)] = Step(row.requests, row.tokens)
        return history

    def by_act(self, scope: str, seconds: float = 7 * DAY_SECONDS) -> list[ActUsage]:
        """Compare estimates and actual tokens of each act that spent from `scope` in the last `seconds`."""
        rows = self._connection.execute(statement("usage_by_act"), {"scope": scope, "seconds": seconds})
        return [ActUsage(**row) for row in rows.mappings()]

    def rows(self, since: datetime | None = None) -> Iterator[SpentRow]:
        """Stream the draws since `since` in the order in which they were drawn, a few thousand in memory at a time."""
        query = select(*(ledger.c[name] for name in SpentRow.__slots__)).order_by(ledger.c.drawn_at, ledger.c.draw_id)
        if since is not None:
            query = query.where(ledger.c.drawn_at >= since)
        options = {"yield_per": ROWS_AT_ONCE}
        for row in self._connection.execute(query, execution_options=options).mappings():
            yield SpentRow(**row)
