"""Counts rows that have ended into totals, each once, and reads the totals and what is open now.

Rows are counted in the order of a time that Postgres gave them, up to a horizon: no transaction that began before it is
still open (`horizon.py`), so that nothing can appear behind it. A mark for each source says how far it is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.metrics.horizon import Sample
from botticelli.store.runs.iterations import Open
from botticelli.store.schema.metric_tables import budget_waits, metric_marks, metric_totals
from botticelli.store.schema.notice_tables import notice_deliveries
from botticelli.store.schema.schedule_tables import firings
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import effects, iterations, ledger, runs
from botticelli.store.schema.webhook_tables import webhook_deliveries

CHUNK_ROWS = 20_000
"""How many rows of a source are counted in one transaction, so that a page waits for seconds at most."""
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LOCK = "select pg_try_advisory_xact_lock(hashtext('botticelli metrics'))"
SOURCES: Mapping[str, tuple[Table, Column[Any]]] = {
    "calls": (ledger, ledger.c.recorded_at),
    "iterations": (iterations, iterations.c.finished_at),
    "runs": (runs, runs.c.finished_at),
    "effects": (effects, effects.c.finished_at),
    "firings": (firings, firings.c.fired_at),
    "deliveries": (notice_deliveries, notice_deliveries.c.finished_at),
    "webhooks": (webhook_deliveries, webhook_deliveries.c.received_at),
}
"""Sources of totals: the table, and the time by which its rows are counted; `fold_{name}.sql` counts them."""
Edges = Mapping[str, Sequence[float]]
"""The buckets of histograms, as the statements expect them: upper bounds, negated, ascending."""


@dataclass(frozen=True, slots=True)
class Total:
    """One total. `bucket` is None for a counter and for the sum of a histogram."""

    metric: str
    labels: tuple[str, ...]
    bucket: int | None
    value: Decimal


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure of what is open now."""

    metric: str
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Demand:
    """The open iterations of a run that may want more; `ready` of those in flight were admitted and have not begun."""

    run_id: str
    ready: int
    opened: Open


class MetricRows:
    """Counts and reads within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sample(self) -> Sample:
        """Return the transactions of this moment; call it before this transaction has written anything."""
        return Sample(*self._connection.execute(statement("metric_horizon")).one())

    def lock(self) -> bool:
        """Try to become the one that counts until this transaction ends; False when another process counts."""
        return bool(self._connection.execute(text(LOCK)).scalar_one())

    def fold(self, until: datetime, edges: Edges) -> bool:
        """Count the rows up to `until` that were not counted yet, some of each source; False when there are more."""
        rows = self._connection.execute(select(metric_marks.c.source, metric_marks.c.counted_until))
        marks: dict[str, datetime] = {row.source: row.counted_until for row in rows}
        is_done = True
        for source in SOURCES:
            is_done = self._fold(source, marks.get(source, FIRST), until, edges) and is_done
        self._connection.execute(statement("fold_waits"), dict(edges))
        return is_done

    def _fold(self, source: str, after: datetime, until: datetime, edges: Edges) -> bool:
        _, column = SOURCES[source]
        more = (
            select(column.label("at"))
            .where(column > after, column <= until)
            .order_by(column)
            .limit(CHUNK_ROWS)
            .subquery()
        )
        stop, count = self._connection.execute(select(func.max(more.c.at), func.count())).one()
        if count:
            self._connection.execute(statement(f"fold_{source}"), {"after": after, "until": stop, **edges})
            self.mark(source, stop)
        return bool(count < CHUNK_ROWS)

    def mark(self, source: str, until: datetime) -> None:
        """Record how far a source is counted."""
        query = insert(metric_marks).values(source=source, counted_until=until)
        self._connection.execute(
            query.on_conflict_do_update(index_elements=["source"], set_={"counted_until": query.excluded.counted_until})
        )

    def mark_first(self, source: str) -> None:
        """Count a source from now on, if it never was."""
        query = insert(metric_marks).values(source=source, counted_until=func.clock_timestamp())
        self._connection.execute(query.on_conflict_do_nothing())

    def marked(self, source: str) -> datetime | None:
        """Return how far a source is counted; None when it never was."""
        query = select(metric_marks.c.counted_until).where(metric_marks.c.source == source)
        until: datetime | None = self._connection.execute(query).scalar()
        return until

    def add(self, metric: str, counts: Mapping[tuple[str, str], int]) -> None:
        """Add counts, by the values of two labels, to the totals of a counter."""
        rows = [
            {"metric": metric, "labels": list(labels), "bucket": -1, "value": n} for labels, n in sorted(counts.items())
        ]
        if rows:
            query = insert(metric_totals)
            added = {"value": metric_totals.c.value + query.excluded.value}
            keys = ["metric", "labels", "bucket"]
            self._connection.execute(query.on_conflict_do_update(index_elements=keys, set_=added), rows)

    def totals(self) -> list[Total]:
        """List all totals, those first that were first counted."""
        columns = (metric_totals.c[name] for name in ("metric", "labels", "bucket", "value"))
        query = select(*columns).order_by(metric_totals.c.first_at, metric_totals.c.labels, metric_totals.c.bucket)
        return [
            Total(metric, tuple(labels), None if bucket < 0 else bucket, value)
            for metric, labels, bucket, value in self._connection.execute(query)
        ]

    def gauges(self, lease_seconds: float) -> list[Gauge]:
        """Read what is open now; `lease_seconds` is the lease of a new ticket."""
        rows = self._connection.execute(statement("fleet_gauges"), {"lease_seconds": lease_seconds})
        return [Gauge(metric, tuple(labels), value) for metric, labels, value in rows]

    def demands(self, limit: int) -> list[Demand]:
        """List up to `limit` runs that may want to start iterations, those first that were enqueued first."""
        rows = self._connection.execute(statement("waiting_demand"), {"limit": limit})
        return [
            Demand(row.run_id, row.ready, Open(row.in_flight, row.waiting_number, row.waiting_attempt, row.parked))
            for row in rows
        ]

    def sweep(self, days: int) -> int:
        """Delete waits that nobody has counted for `days`; return how many."""
        age = text("now() - make_interval(days => :days)").bindparams(days=days)
        return self._connection.execute(delete(budget_waits).where(budget_waits.c.at < age)).rowcount
