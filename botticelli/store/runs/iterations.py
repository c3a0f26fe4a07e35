"""Iterations: leases, fencing numbers and tickets of the turns of a carousel. Performs nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select, tuple_, update

from botticelli.errors import Stale
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import iterations

CAUSE_CHARACTERS = 200

Key = tuple[str, int]
"""Run id and number."""
ClaimKey = tuple[str, int, int]
"""Run id, number and fence."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An iteration that this worker holds for as long as `fence` is the row's."""

    run_id: str
    number: int
    attempt: int
    fence: int
    ticket: Mapping[str, Any]
    retries_used: int
    started_at: datetime
    """When the first worker began with it."""

    @property
    def key(self) -> ClaimKey:
        return self.run_id, self.number, self.fence

    def stale(self) -> Stale:
        """What to raise when another worker holds the iteration by now."""
        return Stale("this iteration is no longer held by this worker", where=f"{self.run_id}#{self.number}")


@dataclass(frozen=True, slots=True)
class Failures:
    """The most frequent errors of a run's failed iterations with their numbers, and how many different ones there are."""

    causes: tuple[tuple[str, int], ...]
    different: int

    def __str__(self) -> str:
        shown = [f"{count:,} x {error[:CAUSE_CHARACTERS]}" for error, count in self.causes]
        more = self.different - len(self.causes)
        return "; ".join([*shown, *([f"and {more:,} more causes"] if more else [])])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the run of an iteration wants at this moment: its status, how it is to end, and how it is held."""

    status: str
    ending: str | None
    hold: str | None

    @property
    def is_held(self) -> bool:
        """Nothing more is called or done until somebody resumes the run."""
        return self.status == "paused" and self.hold == "now"

    @property
    def is_going_on(self) -> bool:
        """The next call or effect is still wanted."""
        return self.ending is None and not self.is_held


@dataclass(frozen=True, slots=True)
class Lost:
    """An iteration whose lease ran out."""

    run_id: str
    number: int
    attempt: int
    losses: int
    """How many workers were lost with it before this one."""
    fence: int
    ticket: Mapping[str, Any] | None
    worker: str | None


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """`publishes`: how often a task has been published for it."""

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
    """The work that a run has in hand.

    `waiting_number`: an iteration that needs a new ticket before it runs again. `parked`: how many wait until a person
    approves or rejects an effect.
    """

    in_flight: int
    waiting_number: int | None
    waiting_attempt: int | None
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Iteration:
    run_id: str
    number: int
    status: str
    attempt: int
    worker: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    parked_for: str | None = None
    """What a person has to decide before it goes on."""


_READ = select(*(iterations.c[name] for name in Iteration.__slots__))


class Iterations:
    """The repository of iterations, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, run_id: str) -> Open:
        return Open(**self._connection.execute(statement("open_iterations"), {"run_id": run_id}).mappings().one())

    def running(self, run_id: str) -> list[Iteration]:
        """Those that a worker holds at this moment."""
        query = _READ.where(iterations.c.run_id == run_id, iterations.c.status == "running").order_by(
            iterations.c.number
        )
        return [Iteration(**row) for row in self._connection.execute(query).mappings()]

    def busy_runs(self, run_id: str) -> dict[str, int]:
        """Other runs, and how many of their iterations workers hold; the five with the most."""
        rows = self._connection.execute(statement("busy_runs"), {"run_id": run_id})
        return {row.run_id: row[1] for row in rows}

    def performing(self, run_id: str) -> int:
        """How many iterations of a run a worker holds at this moment."""
        mine = (iterations.c.run_id == run_id, iterations.c.status == "running")
        count: int = self._connection.execute(select(func.count()).where(*mine)).scalar_one()
        return count

    def admit(self, run_id: str, tickets: Mapping[int, Mapping[str, Any]], grace_seconds: float) -> dict[int, int]:
        """Store tickets by number; returns how often a task has been published for each, this time included."""
        values = {
            "run_id": run_id,
            "numbers": list(tickets),
            "tickets": [json.dumps(ticket) for ticket in tickets.values()],
            "grace_seconds": grace_seconds,
        }
        rows = self._connection.execute(statement("admit"), values)
        return {row.number: row.publishes for row in rows}

    def claim(self, run_id: str, number: int, *, worker: str, lease_seconds: float) -> Claim | None:
        """None: nothing to do, because the message is late, doubled, or the run no longer wants it."""
        return self.claim_all(run_id, [number], worker=worker, lease_seconds=lease_seconds).get(number)

    def claim_all(self, run_id: str, numbers: Sequence[int], *, worker: str, lease_seconds: float) -> dict[int, Claim]:
        """By number, without those of which there is nothing to do."""
        values = {"run_id": run_id, "numbers": list(numbers), "worker": worker, "lease_seconds": lease_seconds}
        rows = self._connection.execute(statement("claim"), values).mappings()
        return {row["number"]: Claim(run_id=run_id, **row) for row in rows}

    def held_by(self, workers: Collection[str]) -> list[Claim]:
        """What these workers hold at this moment."""
        query = select(*(iterations.c[name] for name in Claim.__slots__))
        query = query.where(iterations.c.status == "running", iterations.c.worker.in_(workers))
        return [Claim(**row) for row in self._connection.execute(query).mappings()]

    def guard(self, claim: Claim, *, lease_seconds: float) -> Wanted:
        """What its run wants. Stale when another worker holds the iteration: stop, write nothing."""
        wanted = self.guard_all([claim], lease_seconds=lease_seconds).get(claim.key)
        if wanted is None:
            raise claim.stale()
        return wanted

    def guard_all(self, claims: Sequence[Claim], *, lease_seconds: float) -> dict[ClaimKey, Wanted]:
        """What the run of each wants, and a longer lease for it; without those that do not hold any more."""
        values = {
            "run_ids": [claim.run_id for claim in claims],
            "numbers": [claim.number for claim in claims],
            "fences": [claim.fence for claim in claims],
            "lease_seconds": lease_seconds,
        }
        rows = self._connection.execute(statement("guard"), values)
        return {(run_id, number, fence): Wanted(*wanted) for run_id, number, fence, *wanted in rows}

    def finish(self, claim: Claim, status: str, error: str | None) -> None:
        """The final status; comes after the run was locked and a `guard`, in the same transaction.

        Under the run's lock the clock's order is the order of the commits: a watcher that reads on from the last
        `finished_at` misses nothing.
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

    def succeed(self, run_id: str, claims: Sequence[Claim]) -> frozenset[ClaimKey]:
        """The keys of those that were still held: they have ended. The run is locked by the caller, who counts them."""
        values = {
            "run_id": run_id,
            "numbers": [claim.number for claim in claims],
            "fences": [claim.fence for claim in claims],
        }
        ended = self._connection.execute(statement("succeed"), values)
        return frozenset((run_id, number, fence) for number, fence in ended)

    def fail_queued(self, run_id: str, number: int, error: str) -> None:
        """The end of an iteration that nobody holds any more."""
        self._connection.execute(
            update(iterations)
            .where(iterations.c.run_id == run_id, iterations.c.number == number, iterations.c.status == "queued")
            .values(status="failed", error=error, finished_at=func.clock_timestamp(), ticket=None, due_at=None)
        )

    def lost(self, limit: int) -> list[Lost]:
        rows = self._connection.execute(statement("lost_iterations"), {"limit": limit}).mappings()
        return [Lost(**row) for row in rows]

    def requeue(
        self,
        run_id: str,
        number: int,
        fence: int,
        *,
        retries_used: int = 0,
        lost: bool = False,
        parked_for: str | None = None,
    ) -> bool:
        """Take an iteration from its worker; False when it has moved on since.

        Take it from its worker; False when it has moved on since. `lost`: the worker died with it, which counts.
        `parked_for`: it is not admitted again before `unpark`.
        """
        values: dict[str, Any] = {"run_id": run_id, "number": number, "fence": fence, "retries_used": retries_used}
        values |= {"lost": int(lost), "parked_for": parked_for}
        return self._connection.execute(statement("requeue"), values).first() is not None

    def parked(self, run_id: str) -> list[str]:
        """What each parked iteration of a run waits for, in the order of their numbers."""
        mine = (iterations.c.run_id == run_id, iterations.c.status == "queued", iterations.c.parked_for.is_not(None))
        query = select(iterations.c.parked_for).where(*mine).order_by(iterations.c.number)
        return list(self._connection.execute(query).scalars())

    def unpark(self, run_id: str, number: int | None = None) -> None:
        """Let a parked iteration, or all of a run, be admitted again."""
        query = update(iterations).where(iterations.c.run_id == run_id, iterations.c.parked_for.is_not(None))
        if number is not None:
            query = query.where(iterations.c.number == number)
        self._connection.execute(query.values(parked_for=None))

    def unclaimed(self, limit: int) -> list[Unclaimed]:
        """Those whose task nobody has claimed in time."""
        rows = self._connection.execute(statement("unclaimed_iterations"), {"limit": limit}).mappings()
        return [Unclaimed(**row) for row in rows]

    def put_off(
        self, unclaimed: Sequence[Unclaimed], lost: AbstractSet[Key], *, grace_seconds: float
    ) -> dict[Key, int]:
        """Look at all of them again later. Of the `lost` ones those that are to be published now, and for which time."""
        values = {
            "run_ids": [one.run_id for one in unclaimed],
            "numbers": [one.number for one in unclaimed],
            "publishes": [one.publishes for one in unclaimed],
            "lost": [one.key in lost for one in unclaimed],
            "grace_seconds": grace_seconds,
        }
        return {(row[0], row[1]): row[2] for row in self._connection.execute(statement("put_off_iterations"), values)}

    def withdraw(self, run_id: str) -> list[Mapping[str, Any]]:
        """Take the tickets back from what nobody has claimed yet: it waits to be admitted again. Returns the tickets."""
        rows = self._connection.execute(statement("withdraw"), {"run_id": run_id})
        return [row.ticket for row in rows]

    def cancel_queued(self, run_id: str) -> list[Mapping[str, Any]]:
        """The tickets that the cancelled ones held. What they used is in the counters of the run."""
        rows = self._connection.execute(statement("cancel_queued"), {"run_id": run_id}).all()
        counted = {"run_id": run_id, "numbers": [row.number for row in rows], "succeeded": 0, "failed": 0}
        if rows:
            self._connection.execute(statement("count_iterations"), counted)
        return [row.ticket for row in rows if row.ticket is not None]

    def of_run(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[Iteration]:
        """In the order of their numbers, those above `after`."""
        query = _READ.where(iterations.c.run_id == run_id, iterations.c.number > after)
        query = query.order_by(iterations.c.number).limit(limit)
        return [Iteration(**row) for row in self._connection.execute(query).mappings()]

    def failures(self, run_id: str, limit: int = 3) -> Failures:
        """Why its iterations have failed, counted."""
        values = {"run_id": run_id, "limit": limit}
        rows = self._connection.execute(statement("failure_causes"), values).all()
        return Failures(tuple((error, count) for error, count, _ in rows), rows[0].causes if rows else 0)

    def first_unfinished(self, run_id: str, last: int) -> int | None:
        """Of the iterations from 1 to `last`, the first that has neither succeeded nor failed."""
        values = {"run_id": run_id, "last": last}
        number: int | None = self._connection.execute(statement("first_unfinished"), values).scalar()
        return number

    def finished_since(self, run_id: str, moment: datetime | None, number: int, limit: int = 500) -> list[Iteration]:
        """Finished after (`moment`, `number`), in the order in which they finished."""
        done = and_(iterations.c.run_id == run_id, iterations.c.finished_at.is_not(None))
        query = _READ.where(done).order_by(iterations.c.finished_at, iterations.c.number).limit(limit)
        if moment is not None:
            query = query.where(tuple_(iterations.c.finished_at, iterations.c.number) > tuple_(moment, number))
        return [Iteration(**row) for row in self._connection.execute(query).mappings()]
