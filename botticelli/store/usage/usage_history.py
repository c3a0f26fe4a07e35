"""What the ledger tells of the past: spent by scope, by time, by act, and row by row for the audit. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import ledger

DAY_SECONDS = 86_400
ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class ActUsage:
    """The calls of one act with one model: tokens are means of one call; 90 % took no more than `p90_tokens`."""

    narrative: str
    act: str
    model: str
    calls: int
    estimated_tokens: int
    actual_tokens: int
    p90_tokens: int
    doubtful_calls: int = 0
    """Those whose tokens are an estimate: the provider's count couldn't be true."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was spent in one step of time."""

    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ChargedMinute:
    """What was spent from one scope in one minute, up to its last moment `at`."""

    scope: str
    at: datetime
    requests: int
    tokens: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int


@dataclass(frozen=True, slots=True)
class SpentRow:
    """One draw of the ledger. `shares` are the scopes that it spent from, as in a ticket; empty in old rows."""

    draw_id: str
    run_id: str
    number: int
    act: str
    scope: str
    shares: Sequence[Mapping[str, Any]]
    outcome: str
    estimated_tokens: int
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    drawn_at: datetime
    settled_at: datetime | None


class Spending:
    """Reads the ledger, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def recent_scopes(self, seconds: float = DAY_SECONDS) -> dict[str, Mapping[str, Any] | None]:
        """Names of the scopes of the last day, each with its share at its last draw; None where no row says it."""
        return {
            row.scope: row.share for row in self._connection.execute(statement("recent_scopes"), {"seconds": seconds})
        }

    def charged(self, scopes: Sequence[str], seconds: float) -> list[ChargedMinute]:
        """Of the last `seconds`, in order; what is in flight or unknown counts with its estimate."""
        rows = self._connection.execute(statement("charged"), {"scopes": list(scopes), "seconds": seconds})
        return [ChargedMinute(row.scope, row.at, *map(int, row[2:])) for row in rows]

    def by_time(self, *, step_seconds: int, steps: int) -> dict[str, list[Step]]:
        """By scope: `steps` steps up to now, the oldest first."""
        found: dict[str, list[Step]] = {}
        values = {"step_seconds": step_seconds, "steps": steps}
        for row in self._connection.execute(statement("usage_by_time"), values):
            line = found.setdefault(row.scope, [Step()] * steps)
            line[steps - 1 - min(row.step, steps - 1)] = Step(row.requests, row.tokens)
        return found

    def by_act(self, scope: str, seconds: float = 7 * DAY_SECONDS) -> list[ActUsage]:
        """Of the last seven days."""
        rows = self._connection.execute(statement("usage_by_act"), {"scope": scope, "seconds": seconds})
        return [ActUsage(**row) for row in rows.mappings()]

    def rows(self, since: datetime | None = None) -> Iterator[SpentRow]:
        """All draws since then, in the order in which they were drawn, a few thousand in memory at a time."""
        query = select(*(ledger.c[name] for name in SpentRow.__slots__)).order_by(ledger.c.drawn_at, ledger.c.draw_id)
        if since is not None:
            query = query.where(ledger.c.drawn_at >= since)
        options = {"yield_per": ROWS_AT_ONCE}
        for row in self._connection.execute(query, execution_options=options).mappings():
            yield SpentRow(**row)
