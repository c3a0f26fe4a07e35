"""Stores runs. Each is one enqueued execution of a narrative."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from botticelli.errors import NotFound
from botticelli.statuses import DISPATCHABLE, FINAL, UNRESOLVED, FinalStatus, Hold, OnBudgetExhausted, RunStatus
from botticelli.store.runs.run_filter import RunFilter
from botticelli.store.schema.statements import Prepared, fetch, prepared, prepared_select, statement
from botticelli.store.schema.tables import effects, runs


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to store. `request_sha256` tells a repeated request from a different one with the same id."""

    id: str
    narrative: str
    source: str
    iterations: int
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    request_sha256: str = ""
    concurrency: int = 1
    continue_on_error: bool = False
    on_budget_exhausted: OnBudgetExhausted = "stop"
    max_wait_seconds: float | None = None
    max_tokens_total: int | None = None
    max_cost_usd: Decimal | None = None
    estimated_cost_usd: Decimal | None = None
    """Cost of one iteration; None when a price is unknown."""
    estimated_tokens: int = 0
    estimates: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0
    tags: Sequence[str] = ()
    guilds: Sequence[str] = ()
    """Guilds that the bot commands name."""
    forked_from: str | None = None
    forked_at: int | None = None
    rehearse: bool = False
    """True when bot commands are rehearsed, whatever the settings of a worker say."""
    demands: Sequence[Mapping[str, Any]] = ()
    """Demands of the settings at the time of enqueuing; they apply in addition to those of a worker."""
    schedule_id: str | None = None
    rows: int | None = None
    """Number of rows that the run goes through; None for a run without rows."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The checked narrative of a run, its variables, the estimates of its acts, and its demands."""

    narrative: Mapping[str, Any]
    variables: dict[str, str]
    estimates: Mapping[str, Any]
    demands: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it stands: its options, counters and times, without the narrative.

    `status` is where it stands, `ending` the final status that it is about to have, `reason` why. `dispatched` is the
    highest iteration that was ever admitted. Tokens and `cost_usd` (US dollars; None when a price is unknown) are those of
    the iterations that have ended. `due_at` is when admission looks at it again.
    """

    id: str
    narrative: str
    source: str
    request_sha256: str
    status: RunStatus
    ending: FinalStatus | None
    reason: str | None
    iterations: int
    concurrency: int
    continue_on_error: bool
    on_budget_exhausted: OnBudgetExhausted
    max_wait_seconds: float | None
    max_tokens_total: int | None
    max_cost_usd: Decimal | None
    estimated_cost_usd: Decimal | None
    estimated_tokens: int
    retries: int
    rehearse: bool
    dispatched: int
    succeeded: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: Decimal | None
    due_at: datetime | None
    waiting_since: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    now: datetime
    """The time of Postgres's clock when the row was read."""
    hold: Hold | None = None
    """How a paused run is paused: `soft`, or `now` when it also stops before the next provider call or effect."""
    waiting_for: Mapping[str, Any] | None = None
    """Scope and window of the Budget that a waiting run waits for, if the Budget refused it."""
    tags: Sequence[str] = ()
    guilds: Sequence[str] = ()
    forked_from: str | None = None
    forked_at: int | None = None
    """The first iteration that a forked run executes itself."""
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0
    schedule_id: str | None = None
    """The schedule that started it."""
    rows: int | None = None
    """Number of rows that the run goes through; None for a run without rows."""
    iterations_ready: int | None = None
    """Number of iterations, from the first one on, whose rows are stored; None for a run without rows."""
    rows_copier: str | None = None
    """The process that copies the rows; None once all are stored."""
    rows_lease_until: datetime | None = None
    """Until when the copying process is taken to be alive."""
    tenant: str | None = None
    """The tenant that it was enqueued with."""

    @property
    def admissible(self) -> int:
        """The last iteration that may be admitted now: all of them, unless rows are still to be copied."""
        return self.iterations if self.iterations_ready is None else min(self.iterations, self.iterations_ready)

    @property
    def lacks_rows(self) -> bool:
        """Whether rows of the run are still to be copied."""
        return self.admissible < self.iterations

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_capped(self) -> bool:
        """Whether its use is limited, so that admission must know what was used."""
        return self.max_tokens_total is not None or self.max_cost_usd is not None

    @property
    def used_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


_NOW = func.clock_timestamp().label("now")
_READ = select(*(_NOW if name == "now" else runs.c[name] for name in Run.__slots__))
_OF_ID = _READ.where(runs.c.id == bindparam("run_id"))
_GET = prepared_select("get_run", _OF_ID)
LOCK = prepared_select("lock_run", _OF_ID.with_for_update())
"""Locks a run; takes its `run_id`."""
_FIELDS = ", ".join("clock_timestamp()" if name == "now" else name for name in Run.__slots__)
_INSERT = Prepared.of("insert_run", f"{statement('insert_run').text} returning {_FIELDS}")
_SNAPSHOT_COLUMNS = [runs.c[name] for name in Snapshot.__slots__ if name != "narrative"]
_SNAPSHOT = prepared_select(
    "get_snapshot", select(runs.c.snapshot, *_SNAPSHOT_COLUMNS).where(runs.c.id == bindparam("run_id"))
)
_JSON_COLUMNS = ("snapshot", "variables", "estimates", "tags", "guilds", "demands")


class Runs:
    """Reads and writes runs within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, new: NewRun) -> Run | None:
        """Insert a run, and lock it; None, and nothing changed, when a run with this id exists already."""
        values = {name: getattr(new, name) for name in NewRun.__slots__}
        values |= {name: json.dumps(values[name]) for name in _JSON_COLUMNS}
        values["iterations_ready"] = None if new.rows is None else 0
        rows = fetch(self._connection, _INSERT, values)
        return Run(*rows[0]) if rows else None

    def get(self, run_id: str) -> Run:
        """Read a run. Raises NotFound when it doesn't exist."""
        return self._one(_GET, run_id)

    def lock(self, run_id: str) -> Run:
        """Read a run as `get` does, and lock it until this transaction ends."""
        return self._one(LOCK, run_id)

    def _one(self, query: Prepared, run_id: str) -> Run:
        rows = fetch(self._connection, query, {"run_id": run_id})
        if not rows:
            raise _unknown(run_id)
        return Run(*rows[0])

    def snapshot(self, run_id: str) -> Snapshot:
        """Read the narrative, variables, estimates and demands that were fixed at enqueuing, as plain JSON."""
        rows = fetch(self._connection, _SNAPSHOT, {"run_id": run_id})
        if not rows:
            raise _unknown(run_id)
        return Snapshot(*rows[0])

    def narrative_name(self, run_id: str) -> str:
        """Return the name of the run's narrative; empty when the run doesn't exist (any more)."""
        return self._connection.execute(select(runs.c.narrative).where(runs.c.id == run_id)).scalar() or ""

    def resolve(self, prefix: str) -> str:
        """Return the full id of the only run whose id begins with `prefix`; `latest` stands for the newest run.

        Raises NotFound for none or several.
        """
        if prefix == "latest":
            query = select(runs.c.id).order_by(runs.c.created_at.desc()).limit(1)
            newest: str | None = self._connection.execute(query).scalar()
            if newest is None:
                raise NotFound("there are no runs yet", do="start one with `botticelli run FILE`")
            return newest
        query = select(runs.c.id).where(runs.c.id.startswith(prefix, autoescape=True)).limit(2)
        ids: list[str] = list(self._connection.execute(query).scalars())
        if len(ids) > 1:
            raise NotFound(f"several runs begin with {prefix!r}", do="give more of the id")
        if not ids or not prefix:
            raise _unknown(prefix)
        return ids[0]

    def recent(self, chosen: RunFilter | None = None) -> list[Run]:
        """List the runs that match the filter, newest first."""
        chosen = chosen or RunFilter()
        order = runs.c.created_at.desc(), runs.c.id.desc()
        query = _READ.where(*_conditions(chosen)).order_by(*order).limit(chosen.limit)
        return [Run(*row) for row in self._connection.execute(query)]

    def marks(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return by run a text that differs as soon as something has happened that its watchers are told of."""
        rows = self._connection.execute(statement("run_marks"), {"ids": list(run_ids)})
        return {row.id: row.mark for row in rows}

    def ended(self, after: datetime, until: datetime, limit: int) -> list[Run]:
        """List the runs that ended after `after` and up to `until`, in the order of their ends."""
        query = _READ.where(runs.c.finished_at > after, runs.c.finished_at <= until)
        return [Run(*row) for row in self._connection.execute(query.order_by(runs.c.finished_at).limit(limit))]

    def copy(self, old: str, new: str, *, before: int, position: int) -> None:
        """Copy the iterations below `before` to a new run, and of iteration `before` the acts below `position`."""
        values = {"old": old, "new": new, "before": before, "position": position}
        self._connection.execute(statement("copy_iterations"), values)

    def prunable(self, before: datetime, statuses: Sequence[FinalStatus]) -> int:
        """Count the runs of these final statuses that `prune` would delete."""
        unresolved = select(effects.c.key).where(effects.c.run_id == runs.c.id, effects.c.status.in_(UNRESOLVED))
        conditions = (runs.c.status.in_(statuses), runs.c.finished_at < before, ~unresolved.exists())
        query = select(func.count()).select_from(runs).where(*conditions)
        count: int = self._connection.execute(query).scalar_one()
        return count

    def prune(self, before: datetime, statuses: Sequence[FinalStatus], limit: int) -> list[str]:
        """Delete up to `limit` runs that ended before `before`, with their rows except the ledger's; return their ids.

        Runs with an effect of unknown outcome are left.
        """
        values = {"before": before, "statuses": list(statuses), "limit": limit}
        return list(self._connection.execute(statement("prune_runs"), values).scalars())

    def set(self, run_id: str, **values: Any) -> None:
        """Write columns of one run; values may be SQL expressions such as `func.now()`."""
        self._connection.execute(update(runs).where(runs.c.id == run_id).values(**values))

    def finish(self, run_id: str, status: FinalStatus, reason: str | None) -> None:
        """Write the final status; other columns stay, so that the run can be resumed."""
        values = {"run_id": run_id, "status": status, "reason": reason}
        fetch(self._connection, prepared("finish_run"), values)

    def wake(self, scope: str) -> None:
        """Make the runs that wait for this scope due now."""
        mine = (runs.c.status == "waiting", runs.c.waiting_for["scope"].astext == scope)
        self._connection.execute(update(runs).where(*mine).values(due_at=func.now()))

    def waited_for(self) -> frozenset[tuple[str, str]]:
        """Return the scopes and windows of the Budget that runs wait for."""
        place = runs.c.waiting_for
        query = select(place["scope"].astext, place["window"].astext).distinct().where(runs.c.status == "waiting")
        return frozenset((scope, window) for scope, window in self._connection.execute(query) if scope and window)

    def due(self, limit: int) -> list[str]:
        """List the ids of runs that are due for dispatch."""
        query = (
            select(runs.c.id)
            .where(runs.c.due_at <= func.now(), runs.c.status.in_(DISPATCHABLE))
            .order_by(runs.c.due_at)
            .limit(limit)
        )
        return list(self._connection.execute(query).scalars())

    def seconds_to_next_due(self) -> float | None:
        """Return the seconds until the next run is due: 0 when one is due, None when none will be."""
        wait = func.extract("epoch", func.min(runs.c.due_at) - func.clock_timestamp())
        seconds = self._connection.execute(select(wait).where(runs.c.status.in_(DISPATCHABLE))).scalar()
        return None if seconds is None else max(0.0, float(seconds))

    def count_of_narrative(self, narrative: str) -> tuple[int, int]:
        """Count the unfinished runs of this narrative, and those that `forget_narrative` would remove."""
        counts = (func.count().filter(runs.c.status.not_in(FINAL)), func.count().filter(_settled()))
        unfinished, settled = self._connection.execute(select(*counts).where(runs.c.narrative == narrative)).one()
        return unfinished, settled

    def forget_narrative(self, narrative: str) -> int:
        """Delete a narrative's ended runs, with iterations, acts and effects; return how many.

        The ledger stays, and so do runs with an effect of unknown outcome.
        """
        return self._connection.execute(delete(runs).where(runs.c.narrative == narrative, _settled())).rowcount

    def reopen(self, run_id: str) -> int:
        """Reopen the failed and cancelled iterations of a run; return how many."""
        reopened: int = self._connection.execute(statement("reopen_run"), {"run_id": run_id}).scalar_one()
        return reopened


def _conditions(chosen: RunFilter) -> Iterator[ColumnElement[bool]]:
    if chosen.statuses:
        yield runs.c.status.in_(chosen.statuses)
    if chosen.narrative:
        yield runs.c.narrative == chosen.narrative
    if chosen.since:
        yield runs.c.created_at >= chosen.since
    if chosen.until:
        yield runs.c.created_at < chosen.until
    if chosen.guild:
        yield runs.c.guilds.contains([chosen.guild])
    if chosen.tag:
        yield runs.c.tags.contains([chosen.tag])
    if chosen.before:
        yield tuple_(runs.c.created_at, runs.c.id) < tuple_(*map(literal, chosen.before))
    if chosen.text:
        yield _in_any(chosen.text, runs.c.narrative, runs.c.source, runs.c.reason)


def _in_any(text: str, *columns: Column[Any]) -> ColumnElement[bool]:
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _unknown(run_id: str) -> NotFound:
    return NotFound(f"there is no run {run_id!r}", do="see `botticelli runs`")


def _settled() -> ColumnElement[bool]:
    """Select runs that have ended and have no effect of unknown outcome."""
    is_open = exists().where(effects.c.run_id == runs.c.id, effects.c.status.in_(UNRESOLVED))
    return runs.c.status.in_(FINAL) & ~is_open
