"""Reads the rows of a run and the outcome of each, a page at a time. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from botticelli.errors import InvalidInput, NotFound
from botticelli.store import ItemStatus, Run, Store, batch_rows

BAD = "bad"
"""Status of a row that was left out."""
PAGE = 1000
Line = dict[str, Any]
"""A row as JSON: `row`, `key`, `line`, `iteration`, `status`, `error`, `columns`."""


def run_with_rows(run: Run) -> Run:
    """Return the run. InvalidInput when it goes through no rows."""
    if run.rows is None:
        raise InvalidInput(f"run {run.id} has no rows", do="`botticelli runs show` lists its iterations")
    return run


def iteration_of_key(store: Store, run_id: str, key: str) -> int:
    """Return the iteration that performs the row with this key. NotFound, InvalidInput for several."""
    with store.transaction() as tx:
        run = run_with_rows(tx.runs.get(run_id))
        items = tx.items.of_key(run_id, key)
        batch = batch_rows(tx.runs.snapshot(run.id).narrative)
    if not items:
        raise NotFound(f"run {run_id} has no row {key!r}", do="see `botticelli runs rows`")
    if len(items) > 1:
        numbers = ", ".join(f"{item.number:,}" for item in items[:5])
        raise InvalidInput(f"{len(items):,} rows have this key: {numbers}", do="name one by --iteration")
    return (items[0].number - 1) // batch + 1


def row_lines(
    store: Store, run: Run, statuses: Sequence[str] = (), key: str | None = None, *, after: int = 0, after_bad: int = 0
) -> Iterator[Line]:
    """Yield the rows of a run by number, beginning behind `after`, then its bad rows by line, behind `after_bad`.

    A run of a million rows is read a page at a time.
    """
    if not statuses or set(statuses) != {BAD}:
        yield from _items(store, run, [status for status in statuses if status != BAD], key, after)
    if (BAD in statuses or not statuses) and key is None:
        while page := _bad_page(store, run.id, after_bad):
            for line, reason in page:
                yield {"row": None, "key": None, "line": line, "iteration": None, "status": BAD, "error": reason}
            after_bad = page[-1][0]


def _items(store: Store, run: Run, statuses: Sequence[str], key: str | None, after: int) -> Iterator[Line]:
    with store.transaction() as tx:
        batch = batch_rows(tx.runs.snapshot(run.id).narrative)
        numbers = None if key is None else [item.number for item in tx.items.of_key(run.id, key)]
    if numbers is not None:
        for number_ in (number_ for number_ in numbers if number_ > after):
            page = _page(store, run.id, batch, statuses, after=number_ - 1, limit=1)
            yield from (_line(item) for item in page if item.number == number_)
        return
    while page := _page(store, run.id, batch, statuses, after=after, limit=PAGE):
        yield from map(_line, page)
        after = page[-1].number


def _page(
    store: Store, run_id: str, batch: int, statuses: Sequence[str], *, after: int, limit: int
) -> list[ItemStatus]:
    with store.transaction() as tx:
        return tx.items.with_status(run_id, batch_rows=batch, statuses=statuses, after=after, limit=limit)


def _bad_page(store: Store, run_id: str, after: int) -> list[tuple[int, str]]:
    with store.transaction() as tx:
        return tx.items.bad_rows(run_id, after=after, limit=PAGE)


def _line(item: ItemStatus) -> Line:
    return {
        "row": item.number,
        "key": item.key,
        "line": item.line,
        "iteration": item.iteration,
        "status": item.status,
        "error": item.error,
        "columns": item.row,
    }
