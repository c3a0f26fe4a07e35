"""`botticelli runs rows`: list the rows of a run with what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import number, one_line
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import json_option, run_argument
from botticelli.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from botticelli.store import ItemStatus, Run, Store

STATUSES = ("pending", "queued", "running", "succeeded", "failed", "cancelled", "bad")
BAD = "bad"
HEAD = ("row", "key", "line", "iteration", "status", "error")
NUMBERS = ("row", "line", "iteration")
PAGE = 1000
ERROR_CHARACTERS = 80
Line = dict[str, Any]


@click.command("rows", short_help="List the rows of a run.")
@run_argument
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only rows with this status; repeatable."
)
@click.option("--key", metavar="KEY", help="Only the row with this key.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Print at most N rows.")
@json_option
@pass_invocation
def list_rows(
    invocation: Invocation, *, run_id: str, statuses: tuple[str, ...], key: str | None, limit: int | None, as_json: bool
) -> None:
    """List the rows of a run, in order, with their keys, statuses and errors.

    `pending` are rows whose iteration has not been admitted; `bad` are rows that --skip-bad left out. JSON is one line
    for each row, with its columns.
    """
    with invocation.runtime.store.transaction() as tx:
        run = run_with_rows(tx.runs.get(tx.runs.resolve(run_id)))
    lines = islice(_lines(invocation.runtime.store, run, statuses, key), limit)
    if as_json:
        for line in lines:
            print_json(line)
        return
    is_empty = True
    for page in _pages(lines):
        is_empty = False
        click.echo("\n".join(table(HEAD, map(_cells, page), right=NUMBERS, wraps=("key", "error"))))
    if is_empty:
        click.echo("there are no such rows")


def run_with_rows(run: Run) -> Run:
    """Return the run. InvalidInput when it goes through no rows."""
    if run.rows is None:
        raise InvalidInput(f"run {run.id} has no rows", do="`botticelli runs show` lists its iterations")
    return run


def iteration_of_key(store: Store, run_id: str, key: str) -> int:
    """Return the iteration that performs the row with this key. NotFound, InvalidInput for several."""
    from botticelli.store import batch_rows

    with store.transaction() as tx:
        run = run_with_rows(tx.runs.get(run_id))
        items = tx.items.of_key(run_id, key)
        batch = batch_rows(tx.runs.snapshot(run.id).narrative)
    if not items:
        raise NotFound(f"run {run_id} has no row {key!r}", do="see `botticelli runs rows`")
    if len(items) > 1:
        numbers = ", ".join(number(item.number) for item in items[:5])
        raise InvalidInput(f"{len(items):,} rows have this key: {numbers}", do="name one by --iteration")
    return (items[0].number - 1) // batch + 1


def _lines(store: Store, run: Run, statuses: Sequence[str], key: str | None) -> Iterator[Line]:
    if not statuses or set(statuses) != {BAD}:
        yield from _items(store, run, [status for status in statuses if status != BAD], key)
    if (BAD in statuses or not statuses) and key is None:
        after = 0
        while page := _bad_page(store, run.id, after):
            for line, reason in page:
                yield {"row": None, "key": None, "line": line, "iteration": None, "status": BAD, "error": reason}
            after = page[-1][0]


def _items(store: Store, run: Run, statuses: Sequence[str], key: str | None) -> Iterator[Line]:
    from botticelli.store import batch_rows

    with store.transaction() as tx:
        batch = batch_rows(tx.runs.snapshot(run.id).narrative)
        numbers = None if key is None else [item.number for item in tx.items.of_key(run.id, key)]
    if numbers is not None:
        for number_ in numbers:
            page = _page(store, run.id, batch, statuses, after=number_ - 1, limit=1)
            yield from (_line(item) for item in page if item.number == number_)
        return
    after = 0
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


def _cells(line: Line) -> tuple[str, ...]:
    numbers = ("-" if line[name] is None else number(line[name]) for name in ("row", "line", "iteration"))
    row, source_line, iteration = numbers
    error = one_line(line["error"], ERROR_CHARACTERS) if line["error"] else ""
    return row, line["key"] or "-", source_line, iteration, line["status"], error


def _pages(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while page := list(islice(lines, PAGE)):
        yield page
