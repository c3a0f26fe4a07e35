"""Deletes runs that ended long ago. Keeps the ledger as long as a window, an audit or an estimate may need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.statuses import FINAL, FinalStatus
from botticelli.store.connection.compaction import compact_tables

LEDGER_SECONDS = 90 * 86_400.0
BATCH = 200
STATEMENT_SECONDS = 3600.0
"""Longest time in which the runs of a batch are deleted: a million rows take a minute."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """The numbers of rows that were deleted, or would be; `freed_bytes` went back to the disk."""

    runs: int
    ledger: int = 0
    freed_bytes: int = 0


def prune(
    runtime: Runtime,
    before: datetime,
    statuses: Sequence[FinalStatus] = FINAL,
    *,
    dry_run: bool = False,
    vacuum: bool = False,
) -> Pruned:
    """Delete runs that ended before a time, and the firings of schedules from before it that have no run any more.

    Raises InvalidInput for no status, and for one that isn't final. Keeps runs with an effect of unknown outcome. Commits
    after every 200 runs, so that it can be interrupted and repeated. With `vacuum` the space goes back to the disk, which
    takes minutes after millions of rows; else Postgres keeps it for later runs.
    """
    if not statuses:
        raise InvalidInput("no status is given", where="statuses", do=f"prune {', '.join(FINAL)}")
    open_ones = sorted(set(statuses) - set(FINAL))
    if open_ones:
        raise InvalidInput(f"runs that are {open_ones[0]} aren't over", do=f"prune {', '.join(FINAL)}")
    if dry_run:
        with runtime.store.transaction() as tx:
            return Pruned(tx.runs.prunable(before, statuses))
    gone = 0
    while True:
        with runtime.store.transaction() as tx:
            tx.limit_statements(STATEMENT_SECONDS)
            ids = tx.runs.prune(before, statuses, BATCH)
        gone += len(ids)
        if len(ids) < BATCH:
            break
    with runtime.store.transaction() as tx:
        tx.firings.prune(before)
        ledger = tx.ledger.prune(LEDGER_SECONDS)
    return Pruned(gone, ledger, compact_tables(runtime.store.engine) if vacuum else 0)
