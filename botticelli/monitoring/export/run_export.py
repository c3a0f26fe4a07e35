"""Exports a run: its records in order, in the columns that were asked for, to a file or a stream."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Literal

from botticelli.carousel.plan.snapshots import narrative_of
from botticelli.errors import InvalidInput
from botticelli.monitoring.export.export_columns import ExportColumn, Known, default_columns, parse_columns
from botticelli.monitoring.export.parquet_file import write_parquet
from botticelli.monitoring.export.records import PAGE, Record, records
from botticelli.monitoring.export.table_files import CsvTable, JsonLines, Values
from botticelli.statuses import FINAL
from botticelli.store import Run, Store

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
SAMPLE = 100
"""How many rows are looked at for their columns, where the source does not name them."""
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RunExport:
    """Export of a run. With `succeeded`, only rows whose iteration has succeeded."""

    store: Store
    run: Run
    columns: tuple[ExportColumn, ...]
    succeeded: bool = False

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def values(self) -> Iterator[Values]:
        """Yield the values of each record, in order."""
        return map(self._values, filter(self._is_wanted, records(self.store, self.run)))

    def follow(self) -> Iterator[Values]:
        """Yield the values of each record, in order, as soon as it and all before it are final, until the run is."""
        after = 0
        while True:
            with self.store.transaction() as tx:
                run = tx.runs.get(self.run.id)
            is_over = run.status in FINAL
            for record in records(self.store, run, after=after):
                if not (record.is_final or is_over):
                    break
                after = record.number
                if self._is_wanted(record):
                    yield self._values(record)
            if is_over:
                return
            threading.Event().wait(POLL_SECONDS)

    def _is_wanted(self, record: Record) -> bool:
        return record.status == "succeeded" or not self.succeeded

    def _values(self, record: Record) -> Values:
        return [column.value(record) for column in self.columns]


def run_export(store: Store, run_id: str, columns: str | None, *, succeeded: bool) -> RunExport:
    """Return the export of a run, with the default columns if none are named. NotFound, InvalidInput."""
    with store.transaction() as tx:
        run = tx.runs.get(run_id)
        acts = [act.name for act in narrative_of(tx, run_id).acts]
    known = Known(list(dict.fromkeys(acts)), _row_columns(store, run, columns or ""))
    chosen = parse_columns(columns, known) if columns else default_columns(known, has_rows=run.rows is not None)
    return RunExport(store, run, chosen, succeeded)


def write_text(export: RunExport, format_: Format, file: IO[str], *, follow: bool = False) -> int:
    """Write CSV or JSON lines to an open file, and return the number of rows."""
    table = (CsvTable if format_ == "csv" else JsonLines)(file, export.names)
    count = 0
    values = export.follow() if follow else export.values()
    while page := list(islice(values, 1 if follow else PAGE)):
        table.write(page)
        count += len(page)
    return count


def write_file(export: RunExport, format_: Format, path: Path, *, follow: bool = False) -> int:
    """Write a file, and return the number of rows. It appears when it is whole; a followed one grows before all eyes.

    InvalidInput when it can't be written.
    """
    try:
        if follow:
            with path.open("w", encoding="utf-8", newline="") as file:
                return write_text(export, format_, file, follow=True)
        return _write_whole(export, format_, path)
    except OSError as error:
        problem = f"can't be written: {error.strerror or error}"
        raise InvalidInput(problem, where=str(path), do="choose another --output") from None


def _write_whole(export: RunExport, format_: Format, path: Path) -> int:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    unfinished = Path(name)
    try:
        if format_ == "parquet":
            count = write_parquet(unfinished, export.names, export.values)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                count = write_text(export, format_, file)
        unfinished.chmod(0o666 & ~_umask())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return count


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _row_columns(store: Store, run: Run, columns: str) -> list[str] | None:
    """Return the columns of the first rows, in order, and those named ones that later rows have.

    Empty for a run without rows; None while it has no row, as after a night without a new one: any column may be named.
    """
    if run.rows is None:
        return []
    with store.transaction() as tx:
        items = tx.items.of_run(run.id, limit=SAMPLE)
        known = list(dict.fromkeys(name for item in items for name in item.row))
        named = (name.strip().split(".")[1] for name in columns.split(",") if name.strip().startswith("row."))
        later = [name for name in named if name not in known and tx.items.has_column(run.id, name)]
    return [*known, *later] if items else None
