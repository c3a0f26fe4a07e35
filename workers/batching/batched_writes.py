"""Writes what concurrent iterations spend: draws with their ledger rows before calls, act rows after them.

All requests that wait at the same time share one script of the Budget and one transaction. A refused draw is returned;
waiting for the window is the caller's task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from botticelli.budget import Draw, Refusal
from botticelli.carousel.admission.money_cap import check_call
from botticelli.runtime.process import Runtime
from botticelli.spending.account import CallCharge, Request, confirm_all, draw_all
from botticelli.store import ActRow, Claim, Entry, Run, RunIntent, Settled, Transaction
from botticelli.telemetry.failpoints import reach
from workers.batching.batcher import Batcher, busy_counter


@dataclass(frozen=True, slots=True)
class PendingDraw:
    """A request to draw, and the function that builds its ledger row from the granted draw."""

    claim: Claim
    request: Request
    entry: Callable[[Draw], Entry]
    is_capped: bool = False
    """Whether the run has a cap on money, which each of its calls must fit."""


@dataclass(frozen=True, slots=True)
class GrantedDraw:
    """A granted draw.

    `run` says what the run intends now; None when the lease is lost. The ledger row exists, and `confirmed` is set,
    only when the run still wants calls, and its cap on money has room for this one; else `capped` is the refusal.
    """

    draw: Draw
    run: RunIntent | None
    confirmed: Draw | Refusal | None = None
    capped: Refusal | None = None
    requested_at: float = 0.0
    """Time of the request, in seconds of this process's monotonic clock: the grant is not older."""


def draw(runtime: Runtime, drawing: PendingDraw) -> GrantedDraw | Refusal:
    """Draw for one call. A caller that then makes no call must undo the draw."""
    return _drawings.ask(runtime, drawing)


def _draw_together(runtime: Runtime, drawings: Sequence[PendingDraw]) -> list[GrantedDraw | Refusal]:
    requested_at = time.monotonic()
    answers = draw_all(runtime.budget, [drawing.request for drawing in drawings])
    granted = [(drawing, draw) for drawing, draw in zip(drawings, answers, strict=True) if isinstance(draw, Draw)]
    if not granted:
        return [answer for answer in answers if isinstance(answer, Refusal)]
    reach("request_drawn")
    drawn = iter(_enter(runtime, granted))
    return [
        answer if isinstance(answer, Refusal) else replace(next(drawn), requested_at=requested_at) for answer in answers
    ]


def _enter(runtime: Runtime, granted: Sequence[tuple[PendingDraw, Draw]]) -> list[GrantedDraw]:
    """Write the ledger rows of iterations whose lease is valid, then confirm the draws."""
    write = _enter_below_caps if any(drawing.is_capped for drawing, _ in granted) else _enter_together
    runs, capped = write(runtime, granted)
    reach("draw_in_ledger")
    entered = [n for n, run in enumerate(runs) if run is not None and run.allows_next_step and n not in capped]
    confirmed = confirm_all(runtime.budget, [(granted[n][0].request, granted[n][1]) for n in entered])
    by_place = dict(zip(entered, confirmed, strict=True))
    return [GrantedDraw(granted[n][1], run, by_place.get(n), capped.get(n)) for n, run in enumerate(runs)]


_Entered = tuple[list[RunIntent | None], dict[int, Refusal]]
"""The intent of each draw's run (None: the lease is lost), and by place the refusals of caps on money."""


def _enter_together(runtime: Runtime, granted: Sequence[tuple[PendingDraw, Draw]]) -> _Entered:
    """Write all ledger rows in one statement, which checks the leases and what the runs intend."""
    claims = [drawing.claim for drawing, _ in granted]
    entries = [drawing.entry(draw) for drawing, draw in granted]
    with runtime.store.single_statements() as tx:
        held = tx.steps.draw(claims, entries, lease_seconds=runtime.settings.worker.lease_seconds)
    return [held.get(claim.key) for claim in claims], {}


def _enter_below_caps(runtime: Runtime, granted: Sequence[tuple[PendingDraw, Draw]]) -> _Entered:
    """Write the ledger rows one by one: each call of a run with a cap must fit beside those before it.

    These runs are locked, before their iterations.
    """
    lease_seconds, capped = runtime.settings.worker.lease_seconds, dict[int, Refusal]()
    with runtime.store.transaction() as tx:
        locked = {
            run_id: tx.runs.lock(run_id)
            for run_id in sorted({drawing.claim.run_id for drawing, _ in granted if drawing.is_capped})
        }
        held = tx.iterations.check_leases([drawing.claim for drawing, _ in granted], lease_seconds=lease_seconds)
        runs = [held.get(drawing.claim.key) for drawing, _ in granted]
        for n, run in enumerate(runs):
            if run is not None and run.allows_next_step:
                refusal = _enter_one(runtime, tx, *granted[n], locked.get(granted[n][0].claim.run_id))
                capped |= {n: refusal} if refusal is not None else {}
    return runs, capped


def _enter_one(runtime: Runtime, tx: Transaction, drawing: PendingDraw, draw: Draw, run: Run | None) -> Refusal | None:
    """Write a ledger row; return the refusal when the cap of `run` has no room for the call."""
    entry = drawing.entry(draw)
    if run is not None:
        verdict = check_call(runtime, tx, run, entry)
        if isinstance(verdict, Refusal):
            return verdict
        entry = verdict.entry
    tx.ledger.draw(entry)
    return None


_drawings: Batcher[Runtime, PendingDraw, GrantedDraw | Refusal] = Batcher(
    _draw_together, lambda _: busy_counter.gather_seconds(), lambda _: busy_counter.count()
)


@dataclass(frozen=True, slots=True)
class ActRecord:
    """An act's row, and the charge of its answer if it has one."""

    claim: Claim
    row: ActRow
    charge: CallCharge | None

    def settle(self) -> tuple[ActRow, Settled | None]:
        """Settle the charge unless that is done, and return the rows to write."""
        if self.charge is None:
            return self.row, None
        settled = self.charge.settle()
        return replace(self.row, settled_at=settled.settled_at), settled


def record_act(runtime: Runtime, record: ActRecord) -> None:
    """Write an act's row; an act that is already recorded as done stays unchanged. Stale when the lease is lost."""
    record.settle()
    if not _acts.ask(runtime, record):
        raise record.claim.stale()


def _record_together(runtime: Runtime, records: Sequence[ActRecord]) -> list[bool]:
    """Return for each record whether its lease was still valid, so that it was written."""
    acts = [(record.claim, *record.settle()) for record in records]
    with runtime.store.single_statements() as tx:
        held = tx.steps.record(acts, lease_seconds=runtime.settings.worker.lease_seconds)
    return [record.claim.key in held for record in records]


_acts: Batcher[Runtime, ActRecord, bool] = Batcher(
    _record_together, lambda _: busy_counter.gather_seconds(), lambda _: busy_counter.count()
)
