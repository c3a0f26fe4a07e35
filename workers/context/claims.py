"""Claims iterations, keeps their leases while they are performed, and hands them back when they can't be finished.

Iterations that are offered to this worker at the same time are claimed in one transaction; one thread renews all leases.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from redis.exceptions import RedisError

from botticelli.budget import Ticket
from botticelli.carousel import advance, given_variables_of, narrative_of, plan_of, publish, variables_of
from botticelli.carousel.admission.dispatch import TICKET_LEASE_SECONDS
from botticelli.carousel.plan.planned_calls import Plan
from botticelli.carousel.plan.snapshots import demands_of_run
from botticelli.errors import NotFound
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime, worker_name
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.settings.demands import Demands
from botticelli.store import REJECTED, REPAIRING, ActRow, Claim, ClaimKey, Item, Run, Transaction
from botticelli.telemetry.log import log
from workers.batching.batcher import Batcher, busy_counter
from workers.context.iteration_context import IterationContext, Retries

RENEWALS_PER_LEASE = 3

_claimed_ahead: dict[tuple[Runtime, str, int], IterationContext] = {}
"""Iterations that threads of this process go on with in a moment, by run and number."""


def claim(runtime: Runtime, run_id: str, number: int) -> IterationContext | None:
    """Claim an iteration and count the attempt; None when there is nothing to do, or this process is about to exit.

    The sweep of another worker publishes what this process leaves unclaimed.
    """
    if keeper_of(runtime).is_closed:
        return None
    stage = _claimed_ahead.pop((runtime, run_id, number), None)
    return stage or _claims.ask((runtime, run_id), number)


def claim_admitted(
    runtime: Runtime, tx: Transaction, run_id: str, numbers: Sequence[int]
) -> dict[int, IterationContext]:
    """Claim iterations in the transaction that admits them; the caller passes them to `claim_ahead` after its commit."""
    lease_seconds = runtime.settings.worker.lease_seconds
    run, claims = tx.steps.claim(run_id, numbers, worker=worker_name(), lease_seconds=lease_seconds)
    return {} if run is None else _stages(runtime, tx, run, claims, _Parts.of(runtime, tx, run_id))


def claim_ahead(runtime: Runtime, stages: Mapping[int, IterationContext]) -> None:
    """Let `claim` return these iterations, which this process holds already."""
    for number, stage in stages.items():
        _claimed_ahead[runtime, stage.claim.run_id, number] = stage


def _claim_together(key: tuple[Runtime, str], numbers: Sequence[int]) -> list[IterationContext | None]:
    """Claim iterations of one run; a number that is offered twice goes to the first.

    The claim is one statement that commits by itself. What can't be read or planned is found out before it.
    """
    runtime, run_id = key
    with runtime.store.single_statements() as tx:
        try:
            parts = _Parts.of(runtime, tx, run_id)
        except NotFound:
            return [None] * len(numbers)
        lease_seconds = runtime.settings.worker.lease_seconds
        run, claims = tx.steps.claim(run_id, sorted(set(numbers)), worker=worker_name(), lease_seconds=lease_seconds)
        if run is None:
            return [None] * len(numbers)
        with keeper_of(runtime).handing_back(claims.values()):
            stages = _stages(runtime, tx, run, claims, parts)
    return [stages.pop(number, None) for number in numbers]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts that all iterations of a run share. They never change, so that a process reads them once."""

    narrative: Narrative
    plan: Plan
    variables: dict[str, str]
    given: dict[str, str]
    demands: tuple[Demands, ...]

    @classmethod
    def of(cls, runtime: Runtime, tx: Transaction, run_id: str) -> _Parts:
        return cls(
            narrative_of(tx, run_id),
            plan_of(runtime, tx, run_id),
            variables_of(tx, run_id),
            given_variables_of(tx, run_id),
            demands_of_run(tx, run_id),
        )


def _stages(
    runtime: Runtime, tx: Transaction, run: Run, claims: Mapping[int, Claim], parts: _Parts
) -> dict[int, IterationContext]:
    """Return by number what the acts of each claimed iteration see."""
    earlier = _earlier(tx, run.id, [claim.number for claim in claims.values() if claim.fencing_token > 1])
    items = _items(tx, run, parts.narrative, list(claims))
    return {
        number: IterationContext(
            runtime=runtime,
            claim=claim,
            run=run,
            narrative=parts.narrative,
            variables=dict(parts.variables),
            plan=parts.plan,
            demands=parts.demands,
            given=dict(parts.given),
            finished=earlier[number].finished,
            rejected=earlier[number].rejected,
            failed_acts=earlier[number].failed_acts,
            unrepaired=earlier[number].unrepaired,
            retries=Retries(claim.retries_used),
            items=items.get(number, ()),
        )
        for number, claim in claims.items()
    }


def _items(tx: Transaction, run: Run, narrative: Narrative, numbers: Sequence[int]) -> dict[int, tuple[Item, ...]]:
    """Return the rows of iterations, by their numbers."""
    if run.rows is None:
        return {}
    batch = (narrative.carousel and narrative.carousel.batch_rows) or 1
    row_numbers = [(number - 1) * batch + place for number in numbers for place in range(1, batch + 1)]
    items: dict[int, list[Item]] = defaultdict(list)
    for item in tx.items.of_numbers(run.id, row_numbers):
        items[(item.number - 1) // batch + 1].append(item)
    return {number: tuple(rows) for number, rows in items.items()}


@dataclass(slots=True)
class _Earlier:
    """Remains of earlier attempts of an iteration: rows of acts by their status, and errors of failed ones."""

    finished: list[ActRow] = field(default_factory=list)
    rejected: list[ActRow] = field(default_factory=list)
    failed_acts: dict[tuple[int, int], str] = field(default_factory=dict)
    unrepaired: dict[tuple[int, int, int], ActRow] = field(default_factory=dict)

    def add(self, row: ActRow) -> None:
        """Add a row. A failed act without a fencing token is performed again: the run was resumed (reopen_run.sql)."""
        if row.status == REPAIRING:
            self.unrepaired[row.position, row.turn, row.attempt] = row
        elif row.status == REJECTED:
            self.rejected.append(row)
        elif row.status != "failed":
            self.finished.append(row)
        elif row.fencing_token:
            self.failed_acts[row.position, row.turn] = row.error or ""


def _earlier(tx: Transaction, run_id: str, numbers: Sequence[int]) -> dict[int, _Earlier]:
    """Return what earlier attempts have left, by number."""
    earlier: dict[int, _Earlier] = defaultdict(_Earlier)
    for row in tx.acts.of_numbers(run_id, numbers, rejected=True) if numbers else ():
        earlier[row.number].add(row)
    return earlier


_claims: Batcher[tuple[Runtime, str], int, IterationContext | None] = Batcher(
    _claim_together, lambda key: busy_counter.gather_seconds(key[1]), lambda key: busy_counter.count(key[1])
)


def release(runtime: Runtime, *claims: Claim) -> None:
    """Release what the iterations didn't draw, for the next ones."""
    release_tickets(runtime, [Ticket.from_json(claim.ticket) for claim in claims])


def release_tickets(runtime: Runtime, tickets: Sequence[Ticket]) -> None:
    """Release tickets. Without Redis, their leases expire instead."""
    try:
        if tickets:
            runtime.budget.release_all(tickets)
    except RedisError as error:
        log("ticket_not_released", level=logging.WARNING, ticket=tickets[0].id, error=type(error).__name__)


def hand_back(runtime: Runtime, claim: Claim, why: str) -> None:
    """Queue an iteration again, with a new ticket if there is one; does nothing when another worker holds it.

    Finished acts are kept; a call in flight counts as its estimate and is made again. The fencing token increases, so
    that whoever still performs the iteration can write nothing. It doesn't count as a lost worker. Raises the errors of
    an absent server.
    """
    release(runtime, claim)
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(claim.run_id)
        if not tx.iterations.requeue(claim.run_id, claim.number, claim.fencing_token, retries_used=claim.retries_used):
            return
        tx.ledger.abandon(claim.run_id, claim.number)
        if run.ending is not None:
            tx.iterations.cancel_queued(claim.run_id)
        publications = advance(runtime, tx, tx.runs.lock(claim.run_id))
    publish(runtime, publications)
    log("iteration_handed_back", run=claim.run_id, iteration=claim.number, why=why)


class LeaseKeeper:
    """Renews all held claims at a third of the lease, until there are none."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._claims: dict[ClaimKey, Claim] = {}
        self._interrupted: dict[ClaimKey, Claim] = {}
        """Claims interrupted by an absent server: handed back as soon as that can be recorded."""
        self.is_closed = False
        """Set when this process is about to exit: it claims nothing from then on, not even what it has handed back."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._empty = threading.Event()

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Renew the claim while the block runs. When a server goes away meanwhile, the claim is to be handed back."""
        key = claim.key
        with self._lock:
            self._claims[key] = claim
            self._empty.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_until_empty, name="leases", daemon=True)
                self._thread.start()
        try:
            with self.handing_back([claim]):
                yield
        finally:
            with self._lock:
                self._claims.pop(key, None)

    @contextmanager
    def handing_back(self, claims: Iterable[Claim]) -> Iterator[None]:
        """Let claims be handed back when a server goes away while the block runs."""
        try:
            yield
        except SERVER_ERRORS:
            with self._lock:
                self._interrupted |= {claim.key: claim for claim in claims}
            raise

    def close(self) -> None:
        """Claim nothing more."""
        self.is_closed = True

    def hand_back_interrupted(self) -> None:
        """Hand interrupted claims back, so that they continue here or elsewhere.

        Raises the errors of an absent server.
        """
        for claim in self._take(self._interrupted):
            self._hand_back(claim, "a server was away")

    def hand_back_all(self, why: str) -> None:
        """Hand back all claims, including running ones, because this process ends.

        Once it claims nothing more, that includes those that threads would go on with. Raises the errors of an absent server.
        """
        for claim in [*self._take(self._interrupted), *self._take(self._claims)]:
            self._hand_back(claim, why)
        if self.is_closed:
            for key in [key for key in list(_claimed_ahead) if key[0] is self._runtime]:
                stage = _claimed_ahead.pop(key, None)
                if stage is not None:
                    self._hand_back(stage.claim, why)

    def _take(self, claims: dict[ClaimKey, Claim]) -> list[Claim]:
        with self._lock:
            taken = list(claims.values())
            claims.clear()
        return taken

    def _hand_back(self, claim: Claim, why: str) -> None:
        try:
            hand_back(self._runtime, claim, why)
        except SERVER_ERRORS:
            with self._lock:
                self._interrupted[claim.key] = claim
            raise

    def _renew_until_empty(self) -> None:
        interval_seconds = self._runtime.settings.worker.lease_seconds / RENEWALS_PER_LEASE
        while not self._empty.wait(interval_seconds):
            with self._lock:
                claims = list(self._claims.values())
                if not claims:
                    self._thread = None
                    return
            try:
                self._renew(claims)
            except SERVER_ERRORS as error:
                log("lease_renewal_failed", level=logging.WARNING, claims=len(claims), error=type(error).__name__)

    def _renew(self, claims: list[Claim]) -> None:
        with self._runtime.store.transaction() as tx:
            held = tx.iterations.check_leases(claims, lease_seconds=self._runtime.settings.worker.lease_seconds)
        tickets = [Ticket.from_json(claim.ticket) for claim in claims if claim.key in held]
        if tickets:
            self._runtime.budget.renew_all(tickets, TICKET_LEASE_SECONDS)


@cache
def keeper_of(runtime: Runtime) -> LeaseKeeper:
    """Return the lease keeper of this process."""
    return LeaseKeeper(runtime)
