"""Runs: one enqueued performance of a narrative each. Decides nothing about what happens to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.errors import NotFound
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import effects, runs

_OPEN = ("queued", "running", "waiting")
UNRESOLVED = ("intended", "unknown")
"""Of effects: nobody knows, or not yet, whether they were done."""
FINAL = ("completed", "failed", "budget_exhausted", "cancelled")


@dataclass(frozen=True, slots=True)
class NewRun:
    """What enqueuing fixes for good. `request_sha256` tells a repeated request from another one with the same id."""

    id: str
    narrative: str
    source: str
    iterations: int
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    request_sha256: str = ""
    concurrency: int = 1
    continue_on_error: bool = False
    on_budget_exhausted: str = "stop"
    max_wait_seconds: float | None = None
    max_tokens_total: int | None = None
    max_cost_usd: Decimal | None = None
    estimated_cost_usd: Decimal | None = None
    """Of one iteration; None when a price is unknown."""
    estimated_tokens: int = 0
    estimates: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0
    tags: Sequence[str] = ()
    guilds: Sequence[str] = ()
    """That its commands name."""
    forked_from: str | None = None
    forked_at: int | None = None
    rehearse: bool = False
    """Bot commands are rehearsed, whatever the settings of a worker say."""
    demands: Sequence[Mapping[str, Any]] = ()
    """Of the settings that it was enqueued with; they hold beside those of a worker."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The checked narrative, the variables that were given, the estimates of its acts, and the demands."""

    narrative: Mapping[str, Any]
    variables: dict[str, str]
    estimates: Mapping[str, Any]
    demands: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `runs`, without the snapshot. `dispatched` is the highest iteration that was ever admitted."""

    id: str
    narrative: str
    source: str
    request_sha256: str
    status: str
    ending: str | None
    reason: str | None
    iterations: int
    concurrency: int
    continue_on_error: bool
    on_budget_exhausted: str
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
    """Postgres's clock when the row was read."""
    hold: str | None = None
    """Of a paused run: `soft`, or `now` when it is also held before the next provider call or effect."""
    waiting_for: Mapping[str, Any] | None = None
    """Of a waiting run: the scope and the window that refused, if it was the Budget that did."""
    tags: Sequence[str] = ()
    guilds: Sequence[str] = ()
    forked_from: str | None = None
    forked_at: int | None = None
    """The first iteration that this run performs itself."""

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def used_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


_NOT_READ = ("snapshot", "variables", "estimates", "demands")
_COLUMNS = [column for column in runs.columns if column.name not in _NOT_READ]
_READ = select(*_COLUMNS, func.clock_timestamp().label("now"))


def _run(row: RowMapping) -> Run:
    return Run(**row)


class Runs:
    """The repository of runs, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, new: NewRun) -> bool:
        """False when a run with this id is there already; nothing is changed then."""
        values = {name: getattr(new, name) for name in NewRun.__slots__}
        values |= {"tags": list(new.tags), "guilds": list(new.guilds), "demands": list(new.demands)}
        query = insert(runs).values(**values, status="queued", cost_usd=0, due_at=func.now())
        return self._connection.execute(query.on_conflict_do_nothing().returning(runs.c.id)).first() is not None

    def get(self, run_id: str) -> Run:
        """NotFound when there is no such run."""
        row = self._connection.execute(_READ.where(runs.c.id == run_id)).mappings().first()
        if row is None:
            raise _unknown(run_id)
        return _run(row)

    def lock(self, run_id: str) -> Run:
        """As `get`, and no other transaction changes the run until this one ends."""
        row = self._connection.execute(_READ.where(runs.c.id == run_id).with_for_update()).mappings().first()
        if row is None:
            raise _unknown(run_id)
        return _run(row)

    def snapshot(self, run_id: str) -> Snapshot:
        """What enqueuing fixed for good, as plain JSON."""
        columns = (runs.c.snapshot, runs.c.variables, runs.c.estimates, runs.c.demands)
        row = self._connection.execute(select(*columns).where(runs.c.id == run_id)).first()
        if row is None:
            raise _unknown(run_id)
        return Snapshot(*row)

    def narrative_name(self, run_id: str) -> str:
        """Empty when there is no such run (any more)."""
        return self._connection.execute(select(runs.c.narrative).where(runs.c.id == run_id)).scalar() or ""

    def resolve(self, prefix: str) -> str:
        """The full id of the one run whose id begins with `prefix`; `latest` is the newest. NotFound for none or several."""
        if prefix == "latest":
            query = select(runs.c.id).order_by(runs.c.created_at.desc()).limit(1)
            newest: str | None = self._connection.execute(query).scalar()
            if newest is None:
                raise NotFound("there are no runs yet", do="start one with `botticelli run FILE`")
            return newest
        found = self._connection.execute(
            select(runs.c.id).where(runs.c.id.startswith(prefix, autoescape=True)).limit(2)
        ).scalars()
        ids: list[str] = list(found)
        if len(ids) > 1:
            raise NotFound(f"several runs begin with {prefix!r}", do="give more of the id")
        if not ids or not prefix:
            raise _unknown(prefix)
        return ids[0]

    def recent(
        self,
        *,
        statuses: Sequence[str] = (),
        narrative: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        guild: str | None = None,
        tag: str | None = None,
        text: str | None = None,
        limit: int = 20,
    ) -> list[Run]:
        """List the newest runs first.

        The newest first. `since` and `until` are about their creation; `text` is in the narrative's name, its source or
        the reason, whatever the case.
        """
        wanted = [
            runs.c.status.in_(statuses) if statuses else None,
            runs.c.narrative == narrative if narrative else None,
            runs.c.created_at >= since if since else None,
            runs.c.created_at < until if until else None,
            runs.c.guilds.contains([guild]) if guild else None,
            runs.c.tags.contains([tag]) if tag else None,
            _in_any(text, runs.c.narrative, runs.c.source, runs.c.reason) if text else None,
        ]
        query = _READ.where(*(one for one in wanted if one is not None))
        query = query.order_by(runs.c.created_at.desc()).limit(limit)
        return [_run(row) for row in self._connection.execute(query).mappings()]

    def copy(self, old: str, new: str, *, before: int, position: int) -> None:
        """Give a new run the iterations of another before a number, and the first acts of that one."""
        values = {"old": old, "new": new, "before": before, "position": position}
        self._connection.execute(statement("copy_iterations"), values)

    def prunable(self, before: datetime, statuses: Sequence[str]) -> int:
        """How many runs of these final statuses ended before that."""
        open_ones = select(effects.c.key).where(effects.c.run_id == runs.c.id, effects.c.status.in_(UNRESOLVED))
        wanted = (runs.c.status.in_(statuses), runs.c.finished_at < before, ~open_ones.exists())
        query = select(func.count()).select_from(runs).where(*wanted)
        count: int = self._connection.execute(query).scalar_one()
        return count

    def prune(self, before: datetime, statuses: Sequence[str], limit: int) -> list[str]:
        """Delete up to `limit` of them with all that belongs to them, but for the ledger; their ids."""
        values = {"before": before, "statuses": list(statuses), "limit": limit}
        return list(self._connection.execute(statement("prune_runs"), values).scalars())

    def set(self, run_id: str, **values: Any) -> None:
        """Write columns of one run; SQL expressions such as `func.now()` are values as well."""
        self._connection.execute(update(runs).where(runs.c.id == run_id).values(**values))

    def finish(self, run_id: str, status: str, reason: str | None) -> None:
        """The final status; a run that can be resumed keeps everything else."""
        self.set(
            run_id,
            status=status,
            ending=status,
            reason=reason,
            due_at=None,
            waiting_for=None,
            hold=None,
            finished_at=func.clock_timestamp(),
        )

    def wake(self, scope: str) -> None:
        """Look now at the runs that wait for this scope."""
        mine = (runs.c.status == "waiting", runs.c.waiting_for["scope"].astext == scope)
        self._connection.execute(update(runs).where(*mine).values(due_at=func.now()))

    def due(self, limit: int) -> list[str]:
        """Ids of runs that have to be looked at now."""
        query = (
            select(runs.c.id)
            .where(runs.c.due_at <= func.now(), runs.c.status.in_(_OPEN))
            .order_by(runs.c.due_at)
            .limit(limit)
        )
        return list(self._connection.execute(query).scalars())

    def seconds_to_next_due(self) -> float | None:
        """Until the first of the parked runs is due, 0 when one is; None when none is parked."""
        wait = func.extract("epoch", func.min(runs.c.due_at) - func.clock_timestamp())
        seconds = self._connection.execute(select(wait).where(runs.c.status.in_(_OPEN))).scalar()
        return None if seconds is None else max(0.0, float(seconds))

    def count_iterations(self, run: Run, numbers: Iterable[int], *, succeeded: int = 0, failed: int = 0) -> Run:
        """The locked run with its new counters; so many of the iterations succeeded or failed, the others were cancelled."""
        values = {"run_id": run.id, "numbers": list(numbers), "succeeded": succeeded, "failed": failed}
        counted = self._connection.execute(statement("count_iterations"), values).mappings().one()
        return replace(run, **counted)

    def count_of_narrative(self, narrative: str) -> tuple[int, int]:
        """How many runs of narratives of this name go on, and how many `forget_narrative` would remove."""
        counts = (func.count().filter(runs.c.status.not_in(FINAL)), func.count().filter(_settled()))
        going_on, over = self._connection.execute(select(*counts).where(runs.c.narrative == narrative)).one()
        return going_on, over

    def forget_narrative(self, narrative: str) -> int:
        """Remove a narrative's runs that are over, and return how many there were.

        Remove its runs that are over, with iterations, acts and effects; how many there were. The ledger stays, and so
        do runs with an effect of which nobody knows whether it was done.
        """
        return self._connection.execute(delete(runs).where(runs.c.narrative == narrative, _settled())).rowcount

    def reopen(self, run_id: str) -> int:
        """How many iterations will be performed again."""
        reopened: int = self._connection.execute(statement("reopen_run"), {"run_id": run_id}).scalar_one()
        return reopened


def _in_any(text: str, *columns: Column[Any]) -> ColumnElement[bool]:
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _unknown(run_id: str) -> NotFound:
    return NotFound(f"there is no run {run_id!r}", do="see `botticelli runs`")


def _settled() -> ColumnElement[bool]:
    """Over, and nothing about it is open."""
    is_open = exists().where(effects.c.run_id == runs.c.id, effects.c.status.in_(UNRESOLVED))
    return runs.c.status.in_(FINAL) & ~is_open
