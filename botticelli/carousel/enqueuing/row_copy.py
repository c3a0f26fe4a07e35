"""Copies the rows of a run into Postgres, batch by batch: each batch is one transaction with the iterations it lets start.

The run knows how far it got. A process that dies leaves a lease that runs out: the run then fails, and says so. The same
request, made again, goes on where it ended.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

from botticelli.carousel.admission.dispatch import advance, publish
from botticelli.carousel.admission.state_machine import is_abandoned, rows_missing
from botticelli.carousel.enqueuing.row_options import RunRows
from botticelli.rows.row import BadRow
from botticelli.rows.row_set import ChosenRow
from botticelli.runtime.process import Runtime
from botticelli.store import NewItem, Run, Transaction
from botticelli.telemetry.failpoints import reach

BATCH_ROWS = 2000
BATCH_CHARACTERS = 4_000_000
"""Limits of a batch: the run is locked while it is written, and it is held in memory."""
LEASE_SECONDS = 60.0


class RowCopy:
    """Copies the rows that are not stored yet. `rows` are closed at the end, whatever it is."""

    def __init__(self, runtime: Runtime, run: Run, rows: RunRows) -> None:
        self._runtime = runtime
        self._run_id = run.id
        self._rows = rows
        self._copier = f"{os.getpid()}-{uuid.uuid4()}"
        self._last = run.iterations
        self._count = rows.count(run.iterations)
        self._stored = (run.iterations_ready or 0) * rows.batch
        self._source = self._left()
        self._bad: dict[int, str] = {}
        self.is_done = False

    def begin(self, tx: Transaction) -> None:
        """Become the one process that copies the rows of the run, and store the first batch. The run is locked."""
        tx.items.begin_copy(self._run_id, self._copier, LEASE_SECONDS)
        self._write(tx, self._batch())

    def store_all(self, tx: Transaction) -> None:
        """Store all rows in the caller's transaction."""
        self.begin(tx)
        while not self.is_done:
            self._write(tx, self._batch())

    def run(self) -> None:
        """Store all rows that are left, and let iterations start meanwhile. Ends early when the run is cancelled."""
        try:
            while not self.is_done:
                self._step()
        except BaseException:
            self._give_up()
            raise
        finally:
            self._rows.chosen.close()

    def _step(self) -> None:
        batch = self._batch()
        with self._runtime.store.transaction() as tx:
            run = tx.runs.lock(self._run_id)
            if run.rows_copier != self._copier or "cancelled" in (run.status, run.ending):
                tx.items.end_lease(self._run_id, self._copier)
                self.is_done = True
                return
            self._write(tx, batch)
            publications = advance(self._runtime, tx, tx.runs.lock(self._run_id))
        publish(self._runtime, publications)
        reach("rows_copied")

    def _write(self, tx: Transaction, batch: list[NewItem]) -> None:
        """Store a batch. Only the last one may end within an iteration."""
        tx.items.copy(self._run_id, batch)
        tx.items.record_bad(self._run_id, self._bad)
        self._bad = {}
        self._stored += len(batch)
        ready = min(self._last, -(-self._stored // self._rows.batch))
        tx.items.extend(self._run_id, ready, LEASE_SECONDS)
        self.is_done = ready >= self._last
        reach("rows_stored")

    def _batch(self) -> list[NewItem]:
        batch: list[NewItem] = []
        characters = 0
        for row in self._source:
            if isinstance(row, BadRow):
                self._bad[row.line] = row.reason
                continue
            batch.append(NewItem(row.number, row.key, row.line, row.text))
            characters += len(row.text)
            is_full = len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS
            if is_full and len(batch) % self._rows.batch == 0 and row.number < self._count:
                break
        return batch

    def _left(self) -> Iterator[ChosenRow | BadRow]:
        """Yield the rows that are not stored yet, up to the last iteration, and check the source at its end."""
        first = self._stored + 1
        for row in self._rows.chosen.rows():
            if isinstance(row, BadRow) or first <= row.number <= self._count:
                yield row

    def _give_up(self) -> None:
        """End the lease, so that nobody waits for further rows of this process."""
        with self._runtime.store.transaction() as tx:
            run = tx.runs.lock(self._run_id)
            if run.rows_copier == self._copier:
                tx.items.end_lease(self._run_id, self._copier)
                publications = advance(self._runtime, tx, tx.runs.lock(self._run_id))
            else:
                publications = []
        publish(self._runtime, publications)


def copy_rows(runtime: Runtime, tx: Transaction, run: Run, rows: RunRows) -> None:
    """Store all rows of a new, locked run within an open transaction, which stays short for few; without any, end it."""
    RowCopy(runtime, run, rows).store_all(tx)
    if not rows.chosen.count:
        tx.runs.finish(run.id, "completed", no_new_row(rows))


def no_new_row(rows: RunRows) -> str:
    """Say why a run has no rows."""
    return f"no row is new: {rows.chosen.done:,} succeeded in earlier runs"


def is_left(run: Run) -> bool:
    """Whether a run lacks rows that nobody copies any more, and has not ended for another reason."""
    is_over = run.is_final and run.reason != rows_missing(run)
    return is_abandoned(run) and not is_over


def begin_copy(runtime: Runtime, tx: Transaction, run: Run, rows: RunRows) -> RowCopy | None:
    """Store the first rows of a locked run that lacks rows, and return what copies the rest.

    None when another process copies them, or the run has ended otherwise. A run that failed for its missing rows is
    reopened.
    """
    is_new = run.iterations_ready == 0 and run.rows_copier is None
    if not (is_new or is_left(run)):
        return None
    copy = RowCopy(runtime, run, rows)
    copy.begin(tx)
    if run.is_final:
        tx.runs.reopen(run.id)
    return copy
