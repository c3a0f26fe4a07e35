"""Stores iterations with their leases, fencing tokens and tickets."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, select, tuple_, update

from botticelli.errors import StaleLease
from botticelli.statuses import FinalStatus, Hold, IterationStatus, RunStatus
from botticelli.store.schema.statements import fetch, later, prepared, statement
from botticelli.store.schema.tables import iterations

CAUSE_CHARACTERS = 200

Key = tuple[str, int]
"""Run id and number."""
ClaimKey = tuple[str, int, int]
"""Run id, number and fencing token."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An iteration that this worker holds while `fencing_token` (the fencing token) equals that of the row."""

    run_id: str
    number: int
    attempt: int
    fencing_token: int
    ticket: Mapping[str, Any]
    retries_used: int
    started_at: datetime
    """When the first worker started the iteration."""

    @property
    def key(self) -> ClaimKey:
        return self.run_id, self.number, self.fencing_token

    def stale(self) -> StaleLease:
        """Make the error to raise when another worker holds the iteration by now."""
        return StaleLease("this iteration is no longer held by this worker", where=f"{self.run_id}#{self.number}")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run is: its iterations that finished last, and the seconds from the first of them until now.

    `is_whole`: these are all that have finished.
    """

    finished: int = 0
    seconds: float = 0.0
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Failures:
    """The most frequent errors of a run's failed iterations with their counts, and the number of different errors."""

    causes: tuple[tuple[str, int], ...]
    different: int

    def __str__(self) -> str:
        shown = [f"{count:,} x {error[:CAUSE_CHARACTERS]}" for error, count in self.causes]
        more = self.different - len(self.causes)
        return "; ".join([*shown, *([f"and {more:,} more causes"] if more else [])])


@dataclass(frozen=True, slots=True)
class RunIntent:
    """The state that an iteration's run is to be in: its status, its intended ending, and how it is paused."""

    status: RunStatus
    ending: FinalStatus | None
    hold: Hold | None

    @property
    def is_held(self) -> bool:
        """Whether no further call or effect is allowed until the run is resumed."""
        return self.status == "paused" and self.hold == "now"

    @property
    def allows_next_step(self) -> bool:
        """Whether the next call or effect is allowed."""
        return self.ending is None and not self.is_held


@dataclass(frozen=True, slots=True)
class ExpiredLease:
    """An iteration whose lease has expired."""

    run_id: str
    number: int
    attempt: int
    lost_count: int
    """How many workers were lost during this iteration before."""
    fencing_token: int
    ticket: Mapping[str, Any] | None
    worker: str | None
    started_at: datetime | None = None
    """When the first worker started the iteration."""


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """An admitted iteration that no worker has claimed in time. `publishes`: how often its task was published."""

    run_id: str
    number: int
    publishes: int
    ticket: Mapping[str, Any]
    narrative: str

    @property
    def key(self) -> Key:
        return self.run_id, self.number


@dataclass(frozen=True, slots=True)
class Open:
    """The unfinished iterations of a run.

    `waiting_number`: an iteration that needs a new ticket before it runs again. `parked`: how many wait for the approval
    of an effect.
    """

    in_flight: int
    waiting_number: int | None
    waiting_attempt: int | None
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Iteration:
    """A row of `iterations`, without the lease and the ticket."""

    run_id: str
    number: int
    status: IterationStatus
    attempt: int
    worker: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    parked_for: str | None = None
    """The approval that the iteration waits for."""


_READ = select(*(iterations.c[name] for name in Iteration.__slots__))


class Iterations:
    """Reads and writes iterations within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, run_id: str) -> Open:
        return Open(*fetch(self._connection, prepared("open_iterations"), {"run_id": run_id})[0])

    def running(self, run_id: str) -> list[Iteration]:
        """List the iterations of a run that workers hold now."""
        query = _READ.where(iterations.c.run_id == run_id, iterations.c.status == "running").order_by(
            iterations.c.number
        )
        return [Iteration(**row) for row in self._connection.execute(query).mappings()]

    def busy_runs(self, run_id: str) -> dict[str, int]:
        """Count the running iterations of other runs; the five runs with the most."""
        rows = self._connection.execute(statement("busy_runs"), {"run_id": run_id})
        return {row.run_id: row[1] for row in rows}

    def performing(self, run_id: str) -> int:
        """Count the iterations of a run that workers hold now."""
        mine = (iterations.c.run_id == run_id, iterations.c.status == "running")
        count: int = self._connection.execute(select(func.count()).where(*mine)).scalar_one()
        return count

    def admit(
        self,
        run_id: str,
        tickets: Mapping[int, Mapping[str, Any]],
        grace_seconds: float,
        *,
        due_at: datetime | None = None,
        is_new: bool = False,
    ) -> dict[int, int]:
        """Store tickets by number, and that the run goes on and is next due at `due_at`.

        Returns how often a task was published for each, this time included: once for iterations that are all new. The
        caller has locked the run.
        """
        values = {
            "run_id": run_id,
            "numbers": list(tickets),
            "tickets": [json.dumps(ticket) for ticket in tickets.values()],
            "grace_seconds": grace_seconds,
            "due_at": due_at,
        }
        if is_new:
            later(self._connection, prepared("admit"), values)
            return dict.fromkeys(tickets, 1)
        return dict(fetch(self._connection, prepared("admit"), values))

    def held_by(self, workers: Collection[str]) -> list[Claim]:
        """List the iterations that these workers hold now."""
        query = select(*(iterations.c[name] for name in Claim.__slots__))
        query = query.where(iterations.c.status == "running", iterations.c.worker.in_(workers))
        return [Claim(**row) for row in self._connection.execute(query).mappings()]

    def check_lease(self, claim: Claim, *, lease_seconds: float) -> RunIntent:
        """Renew the lease, and return the intended state of the run.

        Raises StaleLease when another worker holds the iteration: stop, and write nothing.
        """
        intent = self.check_leases([claim], lease_seconds=lease_seconds).get(claim.key)
        if intent is None:
            raise claim.stale()
        return intent

    def check_leases(self, claims: Sequence[Claim], *, lease_seconds: float) -> dict[ClaimKey, RunIntent]:
        """Renew leases; return the intended state of the run of each claim, without claims that are stale."""
        values = {
            "run_ids": [claim.run_id for claim in claims],
            "numbers": [claim.number for claim in claims],
            "fencing_tokens": [claim.fencing_token for claim in claims],
            "lease_seconds": lease_seconds,
        }
        rows = fetch(self._connection, prepared("check_leases"), values)
        return {(run_id, number, fencing_token): RunIntent(*intent) for run_id, number, fencing_token, *intent in rows}

    def finish(self, claim: Claim, status: Literal["failed", "cancelled"], error: str | None) -> None:
        """Write the final status. The caller has locked the run and called `check_lease` in the same transaction.

        Under the run's lock `finished_at` follows the order of the commits, so that a watcher that reads on from the
        last one misses nothing.
        """
        self._connection.execute(
            update(iterations)
            .where(iterations.c.run_id == claim.run_id, iterations.c.number == claim.number)
            .values(
                status=status,
                error=error,
                finished_at=func.clock_timestamp(),
                ticket=None,
                lease_until=None,
                due_at=None,
            )
        )

    def fail_queued(self, run_id: str, number: int, error: str) -> None:
        """Fail an iteration that no worker holds."""
        self._connection.execute(
            update(iterations)
            .where(iterations.c.run_id == run_id, iterations.c.number == number, iterations.c.status == "queued")
            .values(status="failed", error=error, finished_at=func.clock_timestamp(), ticket=None, due_at=None)
        )

    def lost(self, limit: int) -> list[ExpiredLease]:
        rows = self._connection.execute(statement("lost_iterations"), {"limit": limit}).mappings()
        return [ExpiredLease(**row) for row in rows]

    def requeue(
        self,
        run_id: str,
        number: int,
        fencing_token: int,
        *,
        retries_used: int = 0,
        lost: bool = False,
        parked_for: str | None = None,
    ) -> bool:
        """Take an iteration from its worker; False when its fencing token or status has changed since.

        `lost`: the worker died, which is counted. `parked_for`: the iteration isn't admitted again before `unpark`.
        """
        values: dict[str, Any] = {
            "run_id": run_id,
            "number": number,
            "fencing_token": fencing_token,
            "retries_used": retries_used,
        }
        values |= {"lost": int(lost), "parked_for": parked_for}
        return self._connection.execute(statement("requeue"), values).first() is not None

    def parked(self, run_id: str) -> list[str]:
        """List the approvals that parked iterations of a run wait for, by iteration number."""
        mine = (iterations.c.run_id == run_id, iterations.c.status == "queued", iterations.c.parked_for.is_not(None))
        query = select(iterations.c.parked_for).where(*mine).order_by(iterations.c.number)
        return list(self._connection.execute(query).scalars())

    def unpark(self, run_id: str, number: int | None = None) -> None:
        """Allow a parked iteration, or all of a run, to be admitted again."""
        query = update(iterations).where(iterations.c.run_id == run_id, iterations.c.parked_for.is_not(None))
        if number is not None:
            query = query.where(iterations.c.number == number)
        self._connection.execute(query.values(parked_for=None))

    def unclaimed(self, limit: int) -> list[Unclaimed]:
        """List the iterations whose task no worker has claimed in time."""
        rows = self._connection.execute(statement("unclaimed_iterations"), {"limit": limit}).mappings()
        return [Unclaimed(**row) for row in rows]

    def postpone(
        self, unclaimed: Sequence[Unclaimed], lost: AbstractSet[Key], *, grace_seconds: float
    ) -> dict[Key, int]:
        """Postpone the next check of all; return those of `lost` to publish now, each with its count of publishes."""
        values = {
            "run_ids": [iteration.run_id for iteration in unclaimed],
            "numbers": [iteration.number for iteration in unclaimed],
            "publishes": [iteration.publishes for iteration in unclaimed],
            "lost": [iteration.key in lost for iteration in unclaimed],
            "grace_seconds": grace_seconds,
        }
        return {(row[0], row[1]): row[2] for row in self._connection.execute(statement("postpone_iterations"), values)}

    def withdraw(self, run_id: str) -> list[Mapping[str, Any]]:
        """Recall and return the tickets of iterations that no worker has claimed; they wait to be admitted again."""
        rows = self._connection.execute(statement("recall_tickets"), {"run_id": run_id})
        return [row.ticket for row in rows]

    def cancel_queued(self, run_id: str) -> list[Mapping[str, Any]]:
        """Cancel queued iterations, add their usage to the run, and return the tickets that they held."""
        rows = self._connection.execute(statement("cancel_queued"), {"run_id": run_id}).all()
        counted = {"run_id": run_id, "numbers": [row.number for row in rows], "succeeded": 0, "failed": 0}
        if rows:
            self._connection.execute(statement("count_iterations"), counted)
        return [row.ticket for row in rows if row.ticket is not None]

    def of_run(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[Iteration]:
        """List the iterations with a number above `after`, by number."""
        query = _READ.where(iterations.c.run_id == run_id, iterations.c.number > after)
        query = query.order_by(iterations.c.number).limit(limit)
        return [Iteration(**row) for row in self._connection.execute(query).mappings()]

    def pace(self, run_id: str, limit: int = 500) -> Pace:
        """Measure the pace of a run by the iterations that finished last."""
        row = self._connection.execute(statement("recent_finishes"), {"run_id": run_id, "limit": limit}).one()
        return Pace(row.finished, row.seconds or 0.0, row.finished < limit)

    def failures(self, run_id: str, limit: int = 3) -> Failures:
        """Count the errors of the failed iterations of a run."""
        values = {"run_id": run_id, "limit": limit}
        rows = self._connection.execute(statement("failure_causes"), values).all()
        return Failures(tuple((error, count) for error, count, _ in rows), rows[0].causes if rows else 0)

    def first_unfinished(self, run_id: str, last: int) -> int | None:
        """Return the first of the iterations from 1 to `last` that has neither succeeded nor failed."""
        values = {"run_id": run_id, "last": last}
        number: int | None = self._connection.execute(statement("first_unfinished"), values).scalar()
        return number

    def finished_since(self, run_id: str, moment: datetime | None, number: int, limit: int = 500) -> list[Iteration]:
        """List the iterations that finished after (`moment`, `number`), in the order in which they finished."""
        done = and_(iterations.c.run_id == run_id, iterations.c.finished_at.is_not(None))
        query = _READ.where(done).order_by(iterations.c.finished_at, iterations.c.number).limit(limit)
        if moment is not None:
            query = query.where(tuple_(iterations.c.finished_at, iterations.c.number) > tuple_(moment, number))
        return [Iteration(**row) for row in self._connection.execute(query).mappings()]
