"""Writes act rows and settles their ledger rows after model calls, for all concurrent iterations in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Claim, Settled, record_acts, settle_draws
from botticelli.store.connection.prepared import Step
from workers.batching.batcher import Batcher
from workers.batching.wait_window import busy_counter


@dataclass(frozen=True, slots=True)
class ActRecord:
    """An act's row, and the settlement of its draw if it made one."""

    claim: Claim
    row: ActRow
    settled: Settled | None


def record_act(runtime: Runtime, record: ActRecord) -> None:
    """Write an act's row; an act that is already recorded as done stays unchanged. Stale when the lease is lost."""
    if not _acts.ask(runtime, record):
        raise record.claim.stale()


def steps_of(records: Sequence[ActRecord]) -> list[Step]:
    """Return the statements that write act rows, for a transaction that has checked the leases of their iterations."""
    settled = [record.settled for record in records if record.settled is not None]
    rows = [record_acts([record.row for record in records])] if records else []
    return [*rows, *([settle_draws(settled)] if settled else [])]


def _record_together(runtime: Runtime, records: Sequence[ActRecord]) -> list[bool]:
    """Return for each record whether its lease was still valid, so that it was written."""
    lease_seconds = runtime.settings.worker.lease_seconds
    with runtime.store.transaction() as tx:
        held = tx.iterations.check_leases([record.claim for record in records], lease_seconds=lease_seconds)
        tx.steps.run(steps_of([record for record in records if record.claim.key in held]))
    return [record.claim.key in held for record in records]


_acts: Batcher[Runtime, ActRecord, bool] = Batcher(_record_together, busy_counter.gather_seconds)
