"""Collects facts for a forecast: past acts, usage of the budgets, other active runs. Changes nothing.

Starts no services: without running ones there are no facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from botticelli.budget import Amounts, PastCharge, Scope, ScopeUsage
from botticelli.carousel.checks.table_schemas import with_table_schemas
from botticelli.carousel.enqueuing.row_options import RunRows, tokens_of_rows
from botticelli.carousel.plan.estimates import (
    Estimates,
    first_estimates,
    learned_estimates,
    with_brought,
)
from botticelli.carousel.plan.planned_calls import Call, plan_iteration, scopes_in
from botticelli.carousel.plan.snapshots import estimates_of, narrative_of
from botticelli.carousel.plan.table_sizes import TableSizes, add_tables, table_sizes
from botticelli.errors import BotticelliError
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.statuses import DISPATCHABLE
from botticelli.store import ActiveOverrides, PastCalls, Run, RunFilter, SpentRow, Transaction

MOST_RUNS = 50
"""Maximum of other active runs that a forecast considers."""
SHORT_SECONDS = 120.0
"""Age up to which single draws are read; older ones are added up by the minute."""
NO_CALLS = PastCalls(0)


@dataclass(frozen=True, slots=True)
class Other:
    """Another active run that spends from the same budgets."""

    run: Run
    narrative: Narrative
    estimates: Estimates


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The facts of a forecast, by position of the act. `is_live`: from the services; else from narrative and settings only."""

    estimates: Estimates
    calls: Mapping[int, PastCalls] = field(default_factory=dict)
    overrides: ActiveOverrides = field(default_factory=dict)
    learned: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Learned limits, by scope."""
    usages: Mapping[str, ScopeUsage] = field(default_factory=dict)
    charges: Sequence[PastCharge] = ()
    others: Sequence[Other] = ()
    is_live: bool = False
    note: str | None = None
    tables: TableSizes = field(default_factory=dict)


def gather(runtime: Runtime, narrative: Narrative, *, services_run: bool, rows: RunRows | None = None) -> Knowledge:
    """Collect the facts; with `services_run` from Postgres and Redis. A note says if they don't answer."""
    nothing = Knowledge(with_brought(first_estimates(narrative), tokens_of_rows(runtime, rows)))
    if not services_run:
        return nothing
    try:
        return _live(runtime, narrative, rows)
    except (OperationalError, RedisError, OSError) as error:
        note = f"the services don't answer ({type(error).__name__}): planned from empty budgets"
        return replace(nothing, note=note)


def with_schemas(runtime: Runtime, narrative: Narrative, source: str, *, services_run: bool) -> Narrative:
    """Return the narrative with the schemas of content tables, where Postgres can be asked."""
    if services_run:
        with suppress(OperationalError, OSError), runtime.store.transaction() as tx:
            return with_table_schemas(tx, narrative, source)
    return narrative


def _live(runtime: Runtime, narrative: Narrative, rows: RunRows | None) -> Knowledge:
    tables = table_sizes(runtime, narrative)
    brought = add_tables(tokens_of_rows(runtime, rows), tables)
    with runtime.store.transaction() as tx:
        estimates = learned_estimates(runtime, tx, narrative, brought)
        plan = plan_iteration(runtime, narrative, estimates)
        calls = {position: _past_calls(tx, narrative, position, call) for position, call in plan.items()}
        overrides = tx.overrides.in_force()
        scopes = scopes_in(plan)
        others = [other for run in _going_on(tx) if (other := _other(runtime, tx, run, scopes)) is not None]
        charges = _charges(tx, scopes.values())
        learned = {name: {limit.name: limit.limit for limit in tx.learned.of(name)} for name in scopes}
    usages = {name: runtime.budget.usage(runtime.scopes.in_force(scope, act="look")) for name, scope in scopes.items()}
    return Knowledge(estimates, calls, overrides, learned, usages, charges, others, is_live=True, tables=tables)


def _past_calls(tx: Transaction, narrative: Narrative, position: int, call: Call) -> PastCalls:
    return tx.ledger.past_calls(narrative.name, narrative.acts[position].name, str(call.model), call.service)


def _going_on(tx: Transaction) -> list[Run]:
    """Return other active runs, oldest first."""
    return list(reversed(tx.runs.recent(RunFilter(statuses=DISPATCHABLE, limit=MOST_RUNS))))


def _other(runtime: Runtime, tx: Transaction, run: Run, scopes: Mapping[str, Scope]) -> Other | None:
    """Return a run that spends from these scopes; None if it doesn't, or can't be planned here."""
    if run.ending is not None:
        return None
    try:
        narrative, estimates = narrative_of(tx, run.id), estimates_of(tx, run.id)
        plan = plan_iteration(runtime, narrative, estimates)
    except (BotticelliError, ValueError):  # ValueError: a request that was refused has no narrative
        return None
    return Other(run, narrative, estimates) if scopes_in(plan).keys() & scopes.keys() else None


def _charges(tx: Transaction, scopes: Iterable[Scope]) -> list[PastCharge]:
    """Return the charges of these scopes: each draw of the last two minutes, and sums by minute before that."""
    periods = [window.period_seconds for scope in scopes for window in scope.windows if window.kind == "sliding"]
    names, since = [scope.name for scope in scopes], datetime.now(UTC) - timedelta(seconds=SHORT_SECONDS)
    rows = [charge for row in tx.spending.rows(since) for charge in _of_draw(row) if charge.scope in names]
    minutes = tx.spending.charged(names, max(periods, default=0.0)) if max(periods, default=0.0) > SHORT_SECONDS else []
    for minute in minutes:
        if minute.at < since:
            amounts = Amounts(
                minute.requests, minute.tokens, minute.input_tokens, minute.output_tokens, minute.cost_microusd
            )
            rows.append(PastCharge(minute.scope, amounts, round(minute.at.timestamp() * 1000)))
    return rows


def _of_draw(row: SpentRow) -> Iterator[PastCharge]:
    """Yield the charge of a draw in each scope; a draw of unknown usage counts with its estimate."""
    at_ms = round((row.settled_at or row.drawn_at).timestamp() * 1000)
    is_known = row.input_tokens is not None and row.output_tokens is not None
    tokens = (row.input_tokens or 0) + (row.output_tokens or 0) if is_known else row.estimated_tokens
    amounts = Amounts(1, tokens, row.input_tokens or 0, row.output_tokens or 0, round((row.cost_usd or 0) * 1_000_000))
    yield from (PastCharge(share["scope"], amounts, at_ms) for share in row.shares)
